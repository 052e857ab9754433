import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { type DatabaseEntry, type Manifest, streamsOf } from '../../../contract/manifest.ts';
import type { ArtifactReader } from '../../../vault/fetch-artifact.ts';
import { type ClientPrograms, findClientPrograms } from './client-programs.ts';
import { createTemporary, replayProperties, replaySettings } from './database-properties.ts';
import type { DumpToc } from './dump-toc.ts';
import { findDatabase } from './find-database.ts';
import { analyzeInStages } from './load-dump.ts';
import { makeRoom } from './missing-parts.ts';
import type { NotRestored } from './not-restored.ts';
import { checkTarget, majorOf, refused, surveyTarget, type TargetFacts } from './preflight.ts';
import { withRestoreLock } from './restore-lock.ts';
import type { ReportProgress } from './restore-progress.ts';
import { assertLoadsWhole, selectEntries } from './select-entries.ts';
import { stage } from './stage.ts';
import { withStagingDirectory } from './staging-directory.ts';
import { dropTemporary, swapDatabase } from './swap-database.ts';
import { type TargetServer, withAuthorities, withSession } from './target-connection.ts';
import { asideName, isTooLong, temporaryName } from './temporary-name.ts';

export interface RestoreRequest {
  readonly reader: ArtifactReader;
  readonly manifest: Manifest;
  /** Name of the database in the backup. */
  readonly database: string;
  readonly target: TargetServer;
  /** Name it gets on the target. @default the name in the backup */
  readonly into?: string | undefined;
  /** Whether a database of that name gives way. */
  readonly replace: boolean;
  readonly noOwner: boolean;
  readonly jobs: number;
  /** Directory that holds the decrypted dump meanwhile. */
  readonly staging: string;
  /** Where PostgreSQL's client programs are. @default PATH, then Debian's place */
  readonly pgBin?: string | undefined;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ReportProgress | undefined;
}

export interface RestoreResult {
  readonly database: string;
  readonly name: string;
  /** Name under which the replaced database is kept. */
  readonly keptAs: string | undefined;
  readonly tables: number;
  readonly dumpBytes: number;
  readonly databaseBytes: number;
  readonly notRestored: readonly NotRestored[];
  /** What PostgreSQL's programs warned of. */
  readonly warnings: readonly string[];
  readonly seconds: Readonly<Record<'fetch' | 'restore' | 'analyze' | 'total', number>>;
}

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
  if (isTooLong(name)) throw refused(`"${name}" is too long.`, 'Use a name of at most 63 bytes.');
  const needed = Math.max(
    majorOf(manifest.source.serverVersion),
    majorOf(manifest.versions.pgDump),
  );
  const programs = await findClientPrograms(needed, request.pgBin);
  // A database cannot be renamed by a session that is connected to it.
  const home = target.database === name ? otherThan(name) : target.database;
  return await withRestoreLock(target, name, async (session) => {
    const facts = await surveyTarget(session);
    checkTarget(facts, manifest, entry, { name, replace: request.replace });
    await dropTemporary(session, temporaryName(name)).catch((error: unknown) => {
      throw failed(error, `The temporary database of an earlier run cannot be dropped`);
    });
    return await withStagingDirectory(request.staging, stagedBytes(entry), async (directory) => {
      const trusting = { ...request, target: await withAuthorities(target, directory) };
      return restoreThrough(directory, { request: trusting, entry, name, home, facts, programs });
    });
  });
}

interface Run {
  readonly request: RestoreRequest;
  readonly entry: DatabaseEntry;
  readonly name: string;
  /** Database to connect to for what concerns databases. */
  readonly home: string;
  readonly facts: TargetFacts;
  readonly programs: ClientPrograms;
}

async function restoreThrough(directory: string, run: Run): Promise<RestoreResult> {
  const { request, entry, name, home, facts } = run;
  const { reader, manifest, target, signal, onProgress } = request;
  const started = Date.now();
  const total = stagedCipherBytes(manifest, entry);
  let fetched = 0;
  const counting: ArtifactReader = {
    ...reader,
    signal,
    onFetched: (bytes) => {
      fetched += bytes;
      onProgress?.({ stage: 'fetch', done: fetched, total, unit: 'bytes' });
    },
  };
  const staged = await stage(counting, manifest, entry, directory);
  const { toc } = staged;
  assertDumpOf(entry.name, toc, manifest.label);
  const fetchedAt = Date.now();
  const selection = selectEntries(toc, facts, request);
  if (!staged.selectable) assertLoadsWhole(selection, request);
  const room = makeRoom(toc);
  const temporary = temporaryName(name);
  const options = { ...request, programs: run.programs };
  try {
    await withSession(target, home, (session) => createTemporary(session, toc, temporary, facts));
    await withSession(target, temporary, async (session) => {
      for (const statement of room.statements) await session.query(statement);
    });
    const notSet = await withSession(target, home, (session) =>
      replaySettings(session, temporary, selection, toc),
    );
    const warnings = await staged.load(temporary, selection, options);
    const loadedAt = Date.now();
    onProgress?.({ stage: 'analyze', done: 0, total: 1, unit: 'databases' });
    warnings.push(...(await analyzeInStages(temporary, options)));
    const analyzedAt = Date.now();
    const finished = await withSession(target, home, async (session) => {
      const notReplayed = await replayProperties(session, temporary, selection, toc, request);
      const bytes = await databaseBytes(session, temporary);
      signal?.throwIfAborted();
      const exists = (await surveyTarget(session)).databases.has(name);
      if (exists && !request.replace) {
        throw refused(`A database "${name}" was made on the target meanwhile.`, 'Use --into NAME.');
      }
      const aside = exists ? asideName(name, request.now()) : undefined;
      await swapDatabase(session, { temporary, name, aside });
      return { notReplayed, bytes, aside };
    });
    return {
      database: entry.name,
      name,
      keptAs: finished.aside,
      tables: toc.entries.filter(({ desc }) => desc === 'TABLE').length,
      dumpBytes: stagedBytes(entry),
      databaseBytes: finished.bytes,
      notRestored: [
        ...selection.notRestored,
        ...room.notRestored,
        ...notSet,
        ...finished.notReplayed,
      ],
      warnings,
      seconds: {
        fetch: (fetchedAt - started) / 1000,
        restore: (loadedAt - fetchedAt) / 1000,
        analyze: (analyzedAt - loadedAt) / 1000,
        total: (Date.now() - started) / 1000,
      },
    };
  } catch (error) {
    // On a session of its own: the broken one may be the reason why we are here.
    const left = await withSession(target, home, (session) =>
      dropTemporary(session, temporary),
    ).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    signal?.throwIfAborted();
    if (left !== undefined) {
      throw failed(
        error,
        `The restore failed, and what it had built could not be dropped (database ${temporary})`,
      );
    }
    throw error instanceof HoldfastError ? error : failed(error, 'The restore failed');
  }
}

async function databaseBytes(session: pg.Client, name: string): Promise<number> {
  const { rows } = await session.query<{ bytes: string }>('SELECT pg_database_size($1) AS bytes', [
    name,
  ]);
  return Number(rows[0]?.bytes ?? 0);
}

/** What a staged dump takes on disk, bytes. */
function stagedBytes(entry: DatabaseEntry): number {
  return streamsOf(entry).reduce((sum, { bytes }) => sum + bytes, 0);
}

function stagedCipherBytes(manifest: Manifest, entry: DatabaseEntry): number {
  const names = new Set(streamsOf(entry).flatMap((stream) => stream.artifacts));
  return manifest.artifacts
    .filter((artifact) => names.has(artifact.name))
    .reduce((sum, artifact) => sum + artifact.cipher.bytes, 0);
}

function otherThan(name: string): string {
  return name === 'postgres' ? 'template1' : 'postgres';
}

function failed(cause: unknown, what: string): HoldfastError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError('RESTORE_FAILED', `${what}: ${message}`, {
    hint: 'Mend the cause, then run it again: it starts by dropping what an earlier run left.',
    cause,
  });
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
