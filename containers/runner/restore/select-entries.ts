import { databaseEntries } from './database-statements.ts';
import { delegatedBeyond, divideGrants, isGrant } from './delegated-grants.ts';
import type { DumpToc, TocEntry } from './dump-toc.ts';
import { brokenForeignKeys } from './missing-parts.ts';
import type { NotRestored } from './not-restored.ts';
import { entriesOfPgCron } from './pg-cron.ts';
import { refused, type TargetFacts } from './preflight.ts';
import { requiredRoles, rolesNamedBy } from './required-roles.ts';

export interface Selection {
  /** Ids of the entries to restore, for `pg_restore -L`; `undefined` when it is all of them. */
  readonly dumpIds: readonly number[] | undefined;
  /** Entries of the database itself, which `pg_restore` leaves to us. */
  readonly ofDatabase: readonly TocEntry[];
  /** Owners' grants out of entries that were left out for what others granted; due after the load. */
  readonly ownGrants: readonly string[];
  readonly noTablespaces: boolean;
  readonly notRestored: readonly NotRestored[];
}

/** What is left out because it was asked for; what is missing is so by the way. */
export interface LeavingOut {
  readonly noOwner: boolean;
  readonly noPrivileges?: boolean | undefined;
  readonly noTablespaces?: boolean | undefined;
}

/**
 * Decides what of a dump can be restored into a target.
 *
 * @throws HoldfastError RESTORE_REFUSED when the target lacks roles that the dump needs, or
 * its user may not make grants as others, unless `noOwner` allows to leave out what needs them
 */
export function selectEntries(
  toc: DumpToc,
  target: Pick<TargetFacts, 'roles' | 'tablespaces'> & Partial<Pick<TargetFacts, 'confinedTo'>>,
  { noOwner, noPrivileges = false, noTablespaces = false }: LeavingOut,
): Selection {
  const grants = new Set(noPrivileges ? toc.entries.filter(isGrant) : []);
  const wanted = toc.entries.filter((entry) => !grants.has(entry));
  const missing = [...requiredRoles({ ...toc, entries: wanted })]
    .filter((role) => !target.roles.has(role))
    .sort();
  if (missing.length > 0 && !noOwner) {
    throw refused(
      `The target lacks roles that the database needs: ${missing.join(', ')}.`,
      'Create them (the backup\'s globals hold their CREATE ROLE statements: see "globals" of holdfast show), or restore without owners and without their grants: --no-owner',
    );
  }
  const { confinedTo = '' } = target;
  const beyond = delegatedBeyond({ entries: wanted }, target.confinedTo);
  if (beyond.length > 0 && !noOwner) {
    const by = beyond.flatMap((entry) => divideGrants(entry, confinedTo).delegated);
    throw refused(
      `The database has grants that others than the owners made (${[...new Set(by.map((one) => one.by))].join(', ')}): only a superuser can make them, and ${confinedTo} is none.`,
      'Restore as a superuser; or without owners and those grants, which are listed then: --no-owner',
    );
  }
  const notRestored: NotRestored[] = [];
  if (noOwner) {
    notRestored.push({
      what: 'owners',
      why: 'asked for by --no-owner: everything belongs to the user that restored it',
    });
  }
  if (noPrivileges) notRestored.push({ what: 'grants', why: 'asked for by --no-privileges' });
  const lacking = new Set(missing);
  // The database's own grants and settings are replayed singly, and each that fails is told then.
  const ofDatabase = databaseEntries(toc).filter((entry) => !grants.has(entry));
  const leftOut = new Set(
    wanted.filter((entry) => !ofDatabase.includes(entry) && needsAny(entry, lacking)),
  );
  for (const entry of leftOut) {
    const roles = [...rolesNamedBy(entry)].filter((role) => lacking.has(role));
    notRestored.push({
      what: nameOfEntry(entry),
      why: `the target lacks ${roles.join(', ')}`,
    });
  }
  for (const grant of grants) leftOut.add(grant);
  const kept = beyond.filter((entry) => !leftOut.has(entry));
  const ownGrants: string[] = [];
  const ownOfDatabase = new Map<TocEntry, TocEntry>();
  for (const entry of kept) {
    const { own, delegated } = divideGrants(entry, confinedTo);
    if (ofDatabase.includes(entry)) {
      ownOfDatabase.set(entry, { ...entry, definition: own.map((sql) => `${sql};\n`).join('') });
    } else {
      leftOut.add(entry);
      ownGrants.push(...own);
    }
    for (const { by, sql } of delegated) {
      notRestored.push({
        what: sql,
        why: `${by} granted it: only a superuser can do so for another`,
      });
    }
  }
  for (const entry of toc.entries.filter(belongsToSubscription)) {
    notRestored.push({
      what: nameOfEntry(entry),
      why: 'a copy must not take part in replication: create it by hand where it should',
    });
    leftOut.add(entry);
  }
  for (const [entry, why] of brokenForeignKeys(toc)) {
    if (!leftOut.has(entry)) notRestored.push({ what: nameOfEntry(entry), why });
    leftOut.add(entry);
  }
  for (const entry of entriesOfPgCron(toc)) {
    if (!leftOut.has(entry) && !isSaid(entry)) notRestored.push(withPgCron(entry));
    leftOut.add(entry);
  }
  for (const entry of saidOf(toc, leftOut)) leftOut.add(entry);
  const tablespaces = [...new Set(toc.entries.map((entry) => entry.tablespace))].filter(
    (name) => name !== '' && (noTablespaces || !target.tablespaces.has(name)),
  );
  for (const name of tablespaces) {
    notRestored.push({
      what: `tablespace ${name}`,
      why: noTablespaces
        ? 'asked for by --no-tablespaces; the default is used'
        : 'the target lacks it; its default is used',
    });
  }
  return {
    dumpIds:
      leftOut.size === 0
        ? undefined
        : toc.entries.filter((entry) => !leftOut.has(entry)).map((entry) => entry.dumpId),
    ofDatabase: ofDatabase.map((entry) => ownOfDatabase.get(entry) ?? entry),
    ownGrants,
    noTablespaces: tablespaces.length > 0,
    notRestored,
  };
}

/**
 * Comments, labels and grants of what is left out, which would end the restore: there is nothing to
 * put them on. A column's grants need their table's only to come after them.
 */
function saidOf({ entries }: DumpToc, leftOut: ReadonlySet<TocEntry>): TocEntry[] {
  const gone = new Set([...leftOut].filter((entry) => !isSaid(entry)).map(({ dumpId }) => dumpId));
  return entries.filter(
    (entry) => isSaid(entry) && entry.dependencies.some((needed) => gone.has(needed)),
  );
}

function isSaid({ desc }: TocEntry): boolean {
  return /^(ACL|COMMENT|SECURITY LABEL|SEQUENCE SET|STATISTICS DATA)$/.test(desc);
}

/** Subscriptions, and what is said of them; besides, a database that has one cannot be dropped. */
function belongsToSubscription({ desc, tag }: TocEntry): boolean {
  return desc.startsWith('SUBSCRIPTION') || tag.startsWith('SUBSCRIPTION ');
}

function withPgCron(entry: TocEntry): NotRestored {
  const what = nameOfEntry(entry);
  if (entry.desc !== 'EXTENSION') return { what, why: 'it needs the extension pg_cron' };
  return {
    what,
    why: "it can be made only in the database that the server's cron.database_name names, and this one gets its name last: make it there afterwards, and its jobs by hand (cron.schedule)",
    statement: 'CREATE EXTENSION pg_cron;',
  };
}

/** What people call it: `TABLE shop.Order`. */
export function nameOfEntry({ desc, namespace, tag }: TocEntry): string {
  return `${desc} ${[namespace, tag].filter((part) => part !== '').join('.')}`;
}

function needsAny(entry: TocEntry, roles: ReadonlySet<string>): boolean {
  return [...rolesNamedBy(entry)].some((role) => roles.has(role));
}

/**
 * Plain SQL can only be run as it is.
 *
 * @throws HoldfastError RESTORE_REFUSED when something would have to be left out of it
 */
export function assertLoadsWhole(
  { dumpIds, noTablespaces }: Selection,
  { noOwner, noPrivileges = false }: LeavingOut,
): void {
  const asked = [
    noOwner && 'owners (--no-owner)',
    noPrivileges && 'grants (--no-privileges)',
    noTablespaces && 'tablespaces that the target lacks',
    dumpIds !== undefined &&
      !noPrivileges &&
      'what the target cannot take, such as foreign keys to tables that the backup does not hold',
  ].filter((one) => one !== false);
  if (asked.length === 0) return;
  throw refused(
    `The backup is plain SQL, from which nothing can be left out: ${asked.join(', ')}.`,
    'Make what is missing on the target and restore without --no-owner and --no-privileges; or fetch the SQL as docs/FORMAT.md shows, edit it, and run it with psql.',
  );
}
