import type pg from 'pg';
import { createDatabaseStatement, settingOf, statementsFor } from './database-statements.ts';
import type { DumpToc } from './dump-toc.ts';
import { hideQuoted, hideValue } from './hide-values.ts';
import type { NotRestored } from './not-restored.ts';
import { refused, type TargetFacts } from './preflight.ts';
import type { Selection } from './select-entries.ts';
import { quoteName } from './sql-tokens.ts';
import { oidOf } from './swap-database.ts';

/**
 * Makes the temporary database as the source's was made: from template0, with its encoding and locale.
 *
 * @returns its object id.
 * @throws HoldfastError RESTORE_REFUSED when the target has no such locale
 */
export async function createTemporary(
  session: pg.Client,
  toc: DumpToc,
  temporary: string,
  { tablespaces }: Pick<TargetFacts, 'tablespaces'>,
): Promise<number> {
  const statement = createDatabaseStatement(toc, temporary, { tablespaces });
  if (statement === undefined) {
    throw refused('The dump does not say how its database was made.', 'Use another backup.');
  }
  await session.query(statement).catch((error: unknown) => {
    throw refused(
      `The target cannot make a database like the source's: ${(error as Error).message} (${statement})`,
      "Install the locale on the target's host (or its ICU), or restore into a server like the source.",
      error,
    );
  });
  const oid = await oidOf(session, temporary);
  if (oid === undefined) throw new Error(`${temporary} was made, and is not there any more.`);
  return oid;
}

/**
 * Settings of the database that would hinder a load, or keep sessions out where their library is
 * missing: they come last.
 */
const HINDERING = new Set([
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'local_preload_libraries',
  'lock_timeout',
  'role',
  'row_security',
  'session_preload_libraries',
  'session_replication_role',
  'statement_timeout',
  'transaction_timeout',
]);

/**
 * Replays the database's settings before its rows are loaded, for they may decide what a value means
 * (`lc_monetary`) and what a materialized view shows (`TimeZone`). What fails is told, not fatal.
 *
 * And whom its grants keep out, they keep out while it is loaded, too; but where sessions take on
 * another role, which owns it then, whoever connects may be one of those.
 */
export async function replaySettings(
  session: pg.Client,
  temporary: string,
  selection: Selection,
  toc: DumpToc,
  { role }: { readonly role?: string | undefined },
): Promise<NotRestored[]> {
  if (role === undefined && (await isItself(session))) {
    // They come again with the grants, and are told then if they fail.
    for (const statement of statementsOf(selection, temporary, 'after').filter(isFromPublic)) {
      await session.query(statement).catch(() => undefined);
    }
  }
  return await replay(session, statementsOf(selection, temporary, 'before'), temporary, toc);
}

/** Whether a login takes on no other role by its own settings, which come after its right to connect. */
async function isItself(session: pg.Client): Promise<boolean> {
  const { rows } = await session.query<{ itself: boolean }>(
    'SELECT current_user = session_user AS itself',
  );
  return rows[0]?.itself === true;
}

/** `REVOKE CONNECT ON DATABASE x FROM PUBLIC` */
function isFromPublic(statement: string): boolean {
  return /^REVOKE\s/i.test(statement) && /\sFROM\s+PUBLIC$/i.test(statement);
}

/** Replays owner, grants, comment and the other settings of the database. What fails is told, not fatal. */
export async function replayProperties(
  session: pg.Client,
  temporary: string,
  selection: Selection,
  toc: DumpToc,
  { noOwner }: { readonly noOwner: boolean },
): Promise<NotRestored[]> {
  const owner = toc.entries.find(({ desc }) => desc === 'DATABASE')?.owner ?? '';
  const statements = [
    ...(noOwner || owner === ''
      ? []
      : [`ALTER DATABASE ${quoteName(temporary)} OWNER TO ${quoteName(owner)}`]),
    ...statementsOf(selection, temporary, 'after'),
  ];
  const notReplayed = await replay(session, statements, temporary, toc);
  await session.query('RESET SESSION AUTHORIZATION');
  return notReplayed;
}

/** Statements that are due before or after the load. */
function statementsOf(
  { ofDatabase }: Selection,
  temporary: string,
  when: 'before' | 'after',
): string[] {
  return ofDatabase
    .flatMap((entry) => statementsFor(entry, temporary))
    .filter((statement) => {
      const setting = settingOf(statement);
      const before = setting !== undefined && !HINDERING.has(setting);
      return before === (when === 'before');
    });
}

async function replay(
  session: pg.Client,
  statements: readonly string[],
  temporary: string,
  toc: DumpToc,
): Promise<NotRestored[]> {
  const notReplayed: NotRestored[] = [];
  for (const statement of statements) {
    await session.query(statement).catch((error: unknown) => {
      const what = hideValue(statement).replaceAll(quoteName(temporary), quoteName(toc.database));
      notReplayed.push({ what, why: hideQuoted((error as Error).message, statement) });
    });
  }
  return notReplayed;
}
