import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import type { DatabaseEntry } from '../../../contract/logical-manifest.ts';
import { analyze } from './analyze.ts';
import { type ClientPrograms, programsFor } from './client-programs.ts';
import { createTemporary, replayProperties, replaySettings } from './database-properties.ts';
import { makeGrants } from './delegated-grants.ts';
import type { DumpToc } from './dump-toc.ts';
import { dumpBytes, fetchProgress, stagedBytes } from './fetch-progress.ts';
import { findDatabase } from './find-database.ts';
import { makeRoom } from './missing-parts.ts';
import {
  checkDatabase,
  checkServer,
  refused,
  surveyTarget,
  type TargetFacts,
} from './preflight.ts';
import {
  type BuiltDatabase,
  dropBuilt,
  failed,
  homeBeside,
  publishDatabases,
} from './publish-databases.ts';
import { type AssertHeld, withRestoreLocks } from './restore-lock.ts';
import type { RestoreRequest, RestoreResult } from './restore-request.ts';
import { assertLoadsWhole, selectEntries } from './select-entries.ts';
import { choose, listed } from './selection/choose.ts';
import { stage } from './stage.ts';
import { stagingFailure, withStagingDirectory } from './staging-directory.ts';
import { dropTemporary } from './swap-database.ts';
import { withAuthorities, withSession } from './target-connection.ts';
import { isTooLong, temporaryName } from './temporary-name.ts';

/**
 * Restores one database into an existing server: built aside under a temporary name, renamed when it
 * is complete. Whatever happens before that leaves the target as it was, so that the next run starts
 * from the same place.
 *
 * @throws HoldfastError DATABASE_UNKNOWN, RESTORE_REFUSED, CLIENT_MISSING, VAULT_*, RESTORE_FAILED
 */
export async function restoreDatabase(request: RestoreRequest): Promise<RestoreResult> {
  const { manifest, target } = request;
  const name = request.into ?? request.database;
  const entry = findDatabase(manifest, request.database);
  if (name === '')
    throw refused('The name of the new database is empty.', 'Give one: --into NAME.');
  if (isTooLong(name)) throw refused(`"${name}" is too long.`, 'Use a name of at most 63 bytes.');
  // A database cannot be renamed by a session that is connected to it.
  const home = homeBeside(target, [name]);
  return await withRestoreLocks(target, [name], async (session, assertHeld) => {
    const facts = await surveyTarget(session);
    checkServer(facts, manifest);
    checkDatabase(facts, entry, { name, replace: request.replace, chosen: request.chosen });
    const programs = await programsFor({ ...request, entries: [entry], target: facts.major });
    const run = { request, entry, name, home, facts, programs, assertHeld };
    const built = await buildAside(session, run);
    const [published] = await publishDatabases({ ...request, assertHeld }, home, [built]);
    if (published === undefined) throw new Error('Nothing was published.');
    return published;
  });
}

/** One database on its way into the target. */
export interface Run {
  readonly request: RestoreRequest;
  readonly entry: DatabaseEntry;
  readonly name: string;
  /** Database to connect to for what concerns databases. */
  readonly home: string;
  readonly facts: TargetFacts;
  readonly programs: ClientPrograms;
  /** The name's lock. */
  readonly assertHeld: AssertHeld;
  /** Set where tables are copied out of it, and it is dropped then: it needs no statistics, no properties. */
  readonly scratch?: {
    /** Throws what speaks against what was chosen, before it is loaded. */
    readonly check: (chosen: DumpToc) => void;
  };
}

/**
 * Builds a database under its temporary name, whole but for the name that it is to get. On failure
 * it is dropped.
 *
 * @throws HoldfastError RESTORE_REFUSED, VAULT_*, RESTORE_FAILED
 */
export async function buildAside(session: pg.Client, run: Run): Promise<BuiltDatabase> {
  const { request, entry, name } = run;
  await run.assertHeld();
  await dropTemporary(session, temporaryName(name)).catch((error: unknown) => {
    throw failed(error, `The temporary database of an earlier run cannot be dropped`);
  });
  return await withStagingDirectory(request.staging, stagedBytes(entry), async (directory) => {
    const target = await withAuthorities(request.target, directory);
    return await restoreThrough(directory, { ...run, request: { ...request, target } });
  });
}

async function restoreThrough(directory: string, run: Run): Promise<BuiltDatabase> {
  const { request, entry, name, home, facts, assertHeld } = run;
  const { reader, manifest, target, signal, onProgress } = request;
  const started = Date.now();
  const { onStaged, onStreamed } = fetchProgress(manifest, entry, onProgress);
  const fetching = { ...reader, signal, onFetched: onStaged };
  const staged = await stage(fetching, manifest, entry, directory, onStreamed).catch(
    (error: unknown) => {
      throw stagingFailure(error, request.staging);
    },
  );
  assertDumpOf(entry.name, staged.toc, manifest.label);
  const { toc, notRestored: notChosen } = choose(staged.toc, request.chosen, facts);
  run.scratch?.check(toc);
  const fetchedAt = Date.now();
  const selection = selectEntries(toc, facts, request);
  const loaded = request.chosen === undefined ? selection : listed(selection, toc);
  if (!staged.selectable) assertLoadsWhole(selection, request);
  const room = makeRoom(toc);
  const temporary = temporaryName(name);
  const options = { ...request, programs: run.programs };
  let oid: number | undefined;
  try {
    await assertHeld();
    const created = await withSession(target, home, (session) =>
      createTemporary(session, toc, temporary, {
        tablespaces: request.noTablespaces ? new Set() : facts.tablespaces,
      }),
    );
    // Who held the lock until now has read the object id of its own database.
    await assertHeld();
    oid = created;
    await withSession(target, temporary, async (session) => {
      for (const statement of room.statements) await session.query(statement);
    });
    const notSet = await withSession(target, home, (session) =>
      replaySettings(session, temporary, selection, toc, target),
    );
    const { warnings, notRestored: notLoaded } = await staged.load(temporary, loaded, options);
    const notGranted =
      selection.ownGrants.length === 0
        ? []
        : await withSession(target, temporary, (session) =>
            makeGrants(session, selection.ownGrants),
          );
    const loadedAt = Date.now();
    if (run.scratch === undefined) {
      onProgress?.({ stage: 'analyze', done: 0, total: 1, unit: 'databases' });
      warnings.push(...(await analyze(temporary, options)));
    }
    const analyzedAt = Date.now();
    const finished = await withSession(target, home, async (session) => {
      const notReplayed =
        run.scratch === undefined
          ? await replayProperties(session, temporary, selection, toc, request)
          : [];
      return { notReplayed, bytes: await databaseBytes(session, temporary) };
    });
    return {
      started,
      database: entry.name,
      name,
      temporary: { name: temporary, oid: created },
      tables: toc.entries.filter(({ desc }) => desc === 'TABLE').length,
      dumpBytes: dumpBytes(entry),
      databaseBytes: finished.bytes,
      notRestored: [
        ...notChosen,
        ...selection.notRestored,
        ...room.notRestored,
        ...notSet,
        ...notLoaded,
        ...notGranted,
        ...finished.notReplayed,
      ],
      warnings,
      seconds: {
        fetch: (fetchedAt - started) / 1000,
        restore: (loadedAt - fetchedAt) / 1000,
        analyze: (analyzedAt - loadedAt) / 1000,
      },
    };
  } catch (error) {
    const own = oid === undefined ? [] : [{ name: temporary, oid }];
    return await dropBuilt(error, { target, home, signal }, own);
  }
}

async function databaseBytes(session: pg.Client, name: string): Promise<number> {
  const { rows } = await session.query<{ bytes: string }>('SELECT pg_database_size($1) AS bytes', [
    name,
  ]);
  return Number(rows[0]?.bytes ?? 0);
}

/** The manifest is not authenticated; the dump is, and it names the database that it was made of. */
function assertDumpOf(name: string, toc: DumpToc, label: string): void {
  if (toc.database === name) return;
  throw new HoldfastError(
    'VAULT_INTEGRITY',
    `The manifest of ${label} gives a dump of database "${toc.database}" for "${name}".`,
    { hint: 'The manifest has been forged: look who wrote it, and at its older versions.' },
  );
}
