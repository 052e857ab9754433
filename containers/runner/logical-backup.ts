import type pg from 'pg';
import { HoldfastError } from '../../contract/errors.ts';
import type { LogicalOptions } from '../../contract/logical-options.ts';
import type { DatabaseEntry, Manifest, NotIncluded } from '../../contract/manifest.ts';
import type { PendingArtifact } from '../../vault/artifact-upload.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import type { PendingStream } from '../../vault/stream-upload.ts';
import type { Log } from './log.ts';
import { streamEntry } from './logical/database-facts.ts';
import { dumpEverything } from './logical/dump-all.ts';
import { dumpDatabase } from './logical/dump-database.ts';
import { dumpGlobals } from './logical/dump-globals.ts';
import { sortWarnings } from './logical/known-warnings.ts';
import { leftOutBy } from './logical/left-out.ts';
import { selectDatabases } from './logical/select-databases.ts';
import type { Program } from './process/program.ts';
import type { ChosenSource } from './source/choose-source.ts';
import { lagUnder } from './source/common-point.ts';
import { connectionError } from './source/connection-error.ts';
import { findDatabases, type SourceDatabase } from './source/databases.ts';
import { preflightWarnings } from './source/preflight-warnings.ts';
import { assertStillPaused, type ReplayPause } from './source/replay-pause.ts';
import { connect, disconnect, type Server } from './source/server.ts';
import { surveyServerFacts } from './source/server-facts.ts';
import { takeSnapshot } from './source/snapshot.ts';
import { assertSameServer, verifyUnchanged } from './source/verify-unchanged.ts';
import type { Spool } from './spool.ts';

export interface LogicalBackupOptions {
  readonly source: ChosenSource;
  readonly jobs: number;
  readonly compression: string;
  readonly logical: LogicalOptions;
  readonly programs: Readonly<Record<'pgDump' | 'pgDumpall' | 'pgRestore', Program>>;
  readonly spool: Spool;
  readonly vault: BackupVault;
  readonly log: Log;
  /** The cluster's last backup, if there is one. */
  readonly previous: Manifest | undefined;
}

/** Everything a logical backup holds: in S3, proven complete, visible to nobody yet. */
export interface LogicalBackup
  extends Pick<
    Manifest,
    'server' | 'globals' | 'dumpAll' | 'notIncluded' | 'warnings' | 'durations'
  > {
  readonly databases: DatabaseEntry[];
  readonly pending: readonly PendingArtifact[];
  readonly peakSpoolBytes: number;
}

/**
 * Dumps the globals, and then either every selected database, one after the other, each with a
 * snapshot of its own, or all of them at once by `pg_dumpall`.
 *
 * @param pause where replay stands still meanwhile, if it does.
 */
export async function dumpLogically(
  options: LogicalBackupOptions,
  pause: ReplayPause | undefined,
): Promise<LogicalBackup> {
  const { source, vault, logical, previous, log } = options;
  const { survey, server } = await withSession(source.server, async (client) => ({
    survey: await findDatabases(client),
    server: await surveyServerFacts(client),
  }));
  const { included, skipped, warnings } = selectDatabases(survey, logical);
  const found = preflightWarnings({ source, server, included, skipped, previous });
  for (const warning of found) log.warn('preflight warning', { warning });
  const clock = stopwatch();
  const globals = await dumpGlobals({
    server: source.server,
    program: options.programs.pgDumpall,
    logical,
    vault,
    cwd: options.spool.directory,
  });
  // They take no snapshot: that the server was the same before and after has to do.
  await verifyUnchanged(source);
  const run: Run = {
    streams: [globals.stream],
    notIncluded: [...leftOutBy(logical), ...skipped],
    warnings: [...warnings, ...found],
    durations: { globals: clock() },
  };
  takeWarnings(run, globals.warnings);
  const dumped =
    logical.format === 'dumpall'
      ? { databases: [], peakSpoolBytes: 0, dumpAll: await dumpAll(options, run, included) }
      : { ...(await dumpEach(options, run, included, pause)), dumpAll: null };
  return {
    server: server.facts,
    globals: { ...streamEntry(globals.stream), rolePasswords: logical.rolePasswords },
    ...dumped,
    notIncluded: run.notIncluded,
    warnings: run.warnings,
    durations: run.durations,
    pending: run.streams.flatMap(({ artifacts }) => artifacts),
  };
}

/** What a backup gathers on its way. */
interface Run {
  readonly streams: PendingStream[];
  readonly notIncluded: NotIncluded[];
  readonly warnings: string[];
  readonly durations: Record<string, number>;
}

function takeWarnings(run: Run, warnings: readonly string[], database?: string): void {
  const { notIncluded, unknown } = sortWarnings(warnings, database);
  run.notIncluded.push(...notIncluded);
  run.warnings.push(...unknown);
}

async function dumpEach(
  options: LogicalBackupOptions,
  run: Run,
  included: readonly SourceDatabase[],
  pause: ReplayPause | undefined,
): Promise<{ databases: DatabaseEntry[]; peakSpoolBytes: number }> {
  const { log } = options;
  const databases: DatabaseEntry[] = [];
  let peakSpoolBytes = 0;
  for (const database of included) {
    log.info('dump started', { database: database.name, bytes: database.sizeBytes });
    const lap = stopwatch();
    const dumped = await dumpWithSnapshot(options, database, run.notIncluded, pause);
    databases.push(dumped.entry);
    run.streams.push(...dumped.streams);
    takeWarnings(run, dumped.warnings, database.name);
    peakSpoolBytes = Math.max(peakSpoolBytes, dumped.peakSpoolBytes);
    run.durations[`database ${database.name}`] = lap();
    log.info('dump uploaded', {
      database: database.name,
      seconds: lap(),
      bytes: dumped.streams.reduce((total, { bytes }) => total + bytes, 0),
    });
  }
  return { databases, peakSpoolBytes };
}

async function dumpAll(
  { source, programs, logical, compression, vault, spool, log }: LogicalBackupOptions,
  run: Run,
  databases: readonly SourceDatabase[],
): Promise<Manifest['dumpAll']> {
  log.info('dump of everything started', { databases: databases.length });
  const lap = stopwatch();
  const dumped = await dumpEverything({
    server: source.server,
    program: programs.pgDumpall,
    logical,
    compression,
    databases,
    excluded: run.notIncluded.flatMap(({ database }) => database ?? []),
    replayLagSeconds: source.survey.replayLagSeconds,
    vault,
    cwd: spool.directory,
  });
  if (source.survey.inRecovery) {
    run.notIncluded.push({
      what: 'the rows of unlogged tables',
      why: 'a replica does not have them',
    });
  }
  run.streams.push(dumped.stream);
  takeWarnings(run, dumped.warnings);
  run.durations.everything = lap();
  log.info('dump of everything uploaded', { seconds: lap(), bytes: dumped.stream.bytes });
  return dumped.entry;
}

async function dumpWithSnapshot(
  options: LogicalBackupOptions,
  database: SourceDatabase,
  notIncluded: NotIncluded[],
  pause: ReplayPause | undefined,
): ReturnType<typeof dumpDatabase> {
  const { source, programs, spool } = options;
  const snapshot = await takeSnapshot(source.server, database.name).catch((error: unknown) => {
    throw vanished(error, database.name) ?? connectionError(error, source.server);
  });
  try {
    // The very session that the dump's snapshot comes from.
    assertSameServer(source, snapshot.survey);
    if (pause !== undefined) assertStillPaused(source.server, pause, snapshot.survey.lsn);
    // What is left out need not be readable; then pg_dump itself finds out.
    if (snapshot.missingRights !== undefined && takesEverything(options.logical)) {
      throw snapshot.missingRights;
    }
    if (snapshot.hiddenUserMappings > 0) {
      notIncluded.push({
        what: `the options of user mappings (${snapshot.hiddenUserMappings})`,
        why: 'only a superuser may read them, for they may hold passwords',
        database: database.name,
      });
    }
    if (source.survey.inRecovery && snapshot.unloggedTables > 0) {
      notIncluded.push({
        what: `the rows of unlogged tables (${snapshot.unloggedTables})`,
        why: 'a replica does not have them',
        database: database.name,
      });
    }
    return await dumpDatabase({
      server: source.server,
      database,
      snapshot:
        pause === undefined
          ? snapshot
          : { ...snapshot, survey: lagUnder(pause, snapshot.takenAt, snapshot.survey) },
      jobs: options.jobs,
      compression: options.compression,
      logical: options.logical,
      programs,
      spoolDirectory: spool.directory,
      spool,
      vault: options.vault,
    });
  } finally {
    await snapshot.release();
  }
}

/** SQLSTATE of a database that is not there. */
const NO_SUCH_DATABASE = '3D000';

/** A database that was listed and is gone: the next try lists anew. */
function vanished(error: unknown, database: string): HoldfastError | undefined {
  if ((error as { code?: string }).code !== NO_SUCH_DATABASE) return undefined;
  return new HoldfastError(
    'SOURCE_CHANGED',
    `The database ${database} has gone since the backup began.`,
    { hint: 'Run the backup again if it does not do so by itself.', cause: error },
  );
}

async function withSession<T>(server: Server, work: (client: pg.Client) => Promise<T>): Promise<T> {
  try {
    const client = await connect(server, server.target.database);
    try {
      return await work(client);
    } finally {
      await disconnect(client);
    }
  } catch (error) {
    throw connectionError(error, server);
  }
}

/** Seconds since it was made, to the millisecond. */
export function stopwatch(): () => number {
  const start = performance.now();
  return () => Math.round(performance.now() - start) / 1000;
}

/** Whether the dump reads all that a database holds. */
function takesEverything(logical: LogicalOptions): boolean {
  const filters = [
    logical.schemas,
    logical.excludeSchemas,
    logical.tables,
    logical.excludeTables,
    logical.excludeTableData,
  ];
  return filters.every(({ length }) => length === 0) && logical.largeObjects;
}
