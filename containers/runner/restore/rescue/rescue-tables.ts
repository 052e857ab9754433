import type pg from 'pg';
import { type ClientPrograms, programsFor } from '../client-programs.ts';
import type { DumpToc, TocEntry } from '../dump-toc.ts';
import { findDatabase } from '../find-database.ts';
import { hideQuoted } from '../hide-values.ts';
import { checkDatabase, checkServer, refused, surveyTarget } from '../preflight.ts';
import { type BuiltDatabase, dropBuilt, homeBeside } from '../publish-databases.ts';
import { buildAside } from '../restore-database.ts';
import { type AssertHeld, withRestoreLocks } from '../restore-lock.ts';
import { withStagingDirectory } from '../staging-directory.ts';
import { dropOwn } from '../swap-database.ts';
import { withAuthorities, withSession } from '../target-connection.ts';
import { assertRescued } from './assert-rescued.ts';
import { copySchema } from './copy-schema.ts';
import { keyOf, objectsOf } from './database-objects.ts';
import { defaultPrivileges } from './default-privileges.ts';
import { type MovedObject, moveObjects } from './move-objects.ts';
import { nextStatements } from './next-statements.ts';
import type { RescuedTable, RescueRequest, RescueResult } from './rescue-request.ts';
import { assertOneSchemaHoldsAll, rescueSchema } from './rescue-schema.ts';
import { surveyDatabase } from './survey-database.ts';

/**
 * Brings tables into a database that is in use, into a schema of their own, and touches nothing that
 * is there. They are restored into a scratch database, put into that schema, and copied in one
 * transaction: they are there whole or not at all, and the scratch database is dropped.
 *
 * @throws HoldfastError DATABASE_UNKNOWN, TABLE_UNKNOWN, RESTORE_REFUSED, CLIENT_MISSING, VAULT_*,
 * RESTORE_FAILED
 */
export async function rescueTables(request: RescueRequest): Promise<RescueResult> {
  const { manifest, target, into, chosen } = request;
  const started = Date.now();
  const entry = findDatabase(manifest, request.database);
  const schema = rescueSchema(manifest, request.database, chosen);
  // Two of them into one database do not disturb each other, unless they are the same.
  const name = `${schema} in ${into}`;
  const home = homeBeside(target, [name]);
  return await withRestoreLocks(target, [name], async (session, assertHeld) => {
    const facts = await surveyTarget(session);
    checkServer(facts, manifest);
    if (!facts.databases.has(into)) {
      throw refused(
        `The target has no database "${into}" to bring tables into.`,
        'Name one with --into; or leave out --rescue, and the tables come into a new database of that name.',
      );
    }
    checkDatabase(facts, entry, { name, replace: false, chosen });
    const { extensions } = await withSession(target, into, (inUse) =>
      surveyDatabase(inUse, into, schema),
    );
    const programs = await programsFor({
      ...request,
      entries: [entry],
      target: facts.major,
      isDumped: true,
    });
    let wanted: readonly TocEntry[] = [];
    const check = (toc: DumpToc) => {
      wanted = assertOneSchemaHoldsAll(toc, chosen);
    };
    const built = await buildAside(session, {
      request: { ...request, replace: false },
      entry,
      name,
      home,
      facts: { ...facts, extensions },
      programs,
      assertHeld,
      scratch: { check },
    });
    const run = { request, schema, wanted, programs, assertHeld };
    const copied = await passOn(run, built).catch((error: unknown) =>
      dropBuilt(error, { target, home, signal: request.signal }, [built.temporary]),
    );
    const copiedAt = Date.now();
    const left = await withSession(target, home, (own) => dropOwn(own, built.temporary)).then(
      () => [],
      (error: Error) => [
        `The scratch database ${built.temporary.name} could not be dropped: ${error.message}`,
      ],
    );
    const told = await tell(request, schema, copied.moved);
    const { database, dumpBytes, notRestored, warnings, seconds } = built;
    return {
      database,
      into,
      schema,
      tables: told.tables,
      others: copied.moved.filter((one) => !hasRows(one)).map(nameOf),
      dumpBytes,
      notRestored: [...notRestored, ...copied.notRestored],
      warnings: [...warnings, ...copied.warnings, ...left, ...told.warnings],
      next: told.next,
      seconds: {
        fetch: seconds.fetch,
        restore: seconds.restore,
        copy: (copiedAt - started) / 1000 - seconds.fetch - seconds.restore,
        total: (Date.now() - started) / 1000,
      },
    };
  });
}

type Run = {
  readonly request: RescueRequest;
  readonly schema: string;
  readonly wanted: readonly TocEntry[];
  readonly programs: ClientPrograms;
  readonly assertHeld: AssertHeld;
};

/** From the scratch database into the one in use. */
async function passOn(
  { request, schema, wanted, programs, assertHeld }: Run,
  { temporary }: BuiltDatabase,
): Promise<Awaited<ReturnType<typeof moveObjects>> & { readonly warnings: string[] }> {
  const { target, into, staging, noOwner, noPrivileges, signal, onProgress } = request;
  signal?.throwIfAborted();
  const { objects, privileges } = await withSession(target, into, async (inUse) => ({
    objects: await objectsOf(inUse),
    privileges: await defaultPrivileges(inUse),
  }));
  const there = new Set(objects.map(keyOf));
  await assertHeld();
  const { moved, notRestored, money, encoding } = await withSession(
    target,
    temporary.name,
    async (session) => {
      const result = await moveObjects(session, schema, wanted, there);
      await assertRescued(session, schema, wanted, result.moved);
      return { ...result, ...(await howItWrites(session)) };
    },
  );
  const filled = moved.filter(hasRows);
  const names = filled.map(({ restored }) => restored);
  onProgress?.({ stage: 'copy', done: 0, total: names.length, unit: 'tables' });
  const warnings = await withStagingDirectory(staging, 0, async (directory) =>
    copySchema({
      programs,
      target: await withAuthorities(target, directory),
      schema,
      from: temporary.name,
      into,
      encoding,
      noOwner,
      noPrivileges,
      first: `SET LOCAL lc_monetary = ${money}; ${lockOf(schema, 'xact_lock')};\n${privileges.setAside}`,
      last: `${privileges.putBack}\n${names.length === 0 ? '' : `ANALYZE ${names.join(', ')};`}`,
      tables: names.length,
      signal,
      onProgress,
      isThere: () => withSession(target, into, (session) => wasCommitted(session, schema)),
    }),
  );
  return { moved, notRestored, warnings };
}

/** Waits for the end of the transaction that makes the schema. */
async function wasCommitted(session: pg.Client, schema: string): Promise<boolean> {
  await session.query(lockOf(schema, 'lock'));
  const { rowCount } = await session.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
  return rowCount === 1;
}

/** Held until the transaction, or the session, ends. */
function lockOf(schema: string, kind: 'lock' | 'xact_lock'): string {
  return `SELECT pg_advisory_${kind}(hashtextextended('holdfast rescue ${schema}', 0))`;
}

/** `money`, as a literal, decides what an amount of that type means when it is read. */
async function howItWrites(
  session: pg.Client,
): Promise<{ readonly money: string; readonly encoding: string }> {
  const { rows } = await session.query<{ money: string; encoding: string }>(
    `SELECT quote_literal(current_setting('lc_monetary')) AS money,
            current_setting('server_encoding') AS encoding`,
  );
  return { money: rows[0]?.money ?? `'C'`, encoding: rows[0]?.encoding ?? 'UTF8' };
}

type Told = Pick<RescueResult, 'tables' | 'next' | 'warnings'>;

/** What became of it. The tables are there by now: what fails here is told, not fatal. */
async function tell(
  { target, into }: RescueRequest,
  schema: string,
  moved: readonly MovedObject[],
): Promise<Told> {
  const filled = moved.filter((one) => hasRows(one) && !one.from.isPartition);
  const tables: RescuedTable[] = [];
  const warnings: string[] = [];
  const warn = (error: unknown) => warnings.push(hideQuoted((error as Error).message));
  const next = await withSession(target, into, async (session) => {
    for (const { from, restored } of filled) {
      const rows = await countRows(session, restored).catch((error: unknown) => {
        warn(error);
        return null;
      });
      tables.push({ original: from.identity, restored, rows });
    }
    return await nextStatements(session, schema, moved);
  }).catch((error: unknown) => {
    warn(error);
    return [];
  });
  return { tables, next, warnings };
}

function nameOf({ from, restored }: MovedObject): string {
  return `${from.kind} ${restored}`;
}

function hasRows({ from }: MovedObject): boolean {
  return from.kind === 'TABLE' || from.kind === 'MATERIALIZED VIEW';
}

async function countRows(session: pg.Client, table: string): Promise<number> {
  const { rows } = await session.query<{ rows: string }>(`SELECT count(*) AS rows FROM ${table}`);
  return Number(rows[0]?.rows);
}
