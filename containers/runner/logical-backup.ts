import type { DatabaseEntry, LogicalManifest } from '../../contract/logical-manifest.ts';
import type { NotIncluded } from '../../contract/manifest-base.ts';
import type { PendingArtifact } from '../../vault/artifact-upload.ts';
import type { PendingStream } from '../../vault/stream-upload.ts';
import { dumpAfresh } from './dump-afresh.ts';
import type { DumpOptions } from './dump-with-snapshot.ts';
import { streamEntry } from './logical/database-facts.ts';
import { dumpEverything } from './logical/dump-all.ts';
import { dumpGlobals } from './logical/dump-globals.ts';
import { DumpQueue } from './logical/dump-queue.ts';
import { sortWarnings } from './logical/known-warnings.ts';
import { leftOutBy } from './logical/left-out.ts';
import { selectDatabases } from './logical/select-databases.ts';
import { sideBySide } from './logical/side-by-side.ts';
import { findDatabases, type SourceDatabase } from './source/databases.ts';
import { inSession } from './source/in-session.ts';
import { preflightWarnings } from './source/preflight-warnings.ts';
import type { ReplayPause } from './source/replay-pause.ts';
import { surveyServerFacts } from './source/server-facts.ts';
import { verifyUnchanged } from './source/verify-unchanged.ts';
import { stopwatch } from './stopwatch.ts';

export interface LogicalBackupOptions extends DumpOptions {
  /** The cluster's last backup, if there is one. */
  readonly previous: LogicalManifest | undefined;
}

/** Everything a logical backup holds: in S3, proven complete, visible to nobody yet. */
export interface LogicalBackup
  extends Pick<
    LogicalManifest,
    'server' | 'globals' | 'dumpAll' | 'notIncluded' | 'warnings' | 'durations'
  > {
  readonly databases: DatabaseEntry[];
  readonly pending: readonly PendingArtifact[];
}

/**
 * Dumps the globals, and beside them either every selected database, each with a snapshot of its own,
 * or all of them at once by `pg_dumpall`.
 *
 * @param pause where replay stands still meanwhile, if it does.
 */
export async function dumpLogically(
  options: LogicalBackupOptions,
  pause: ReplayPause | undefined,
): Promise<LogicalBackup> {
  const { source, vault, logical, previous, log } = options;
  const { survey, server } = await inSession(source.server, async (client) => ({
    survey: await findDatabases(client),
    server: await surveyServerFacts(client),
  }));
  const { included, skipped, warnings } = selectDatabases(survey, logical);
  const found = preflightWarnings({ source, server, included, skipped, previous });
  for (const warning of found) log.warn('preflight warning', { warning });
  const run: Run = {
    streams: [],
    databases: [],
    globals: undefined,
    dumpAll: null,
    notIncluded: [...leftOutBy(logical), ...skipped],
    warnings: [...warnings, ...found],
    durations: {},
  };
  const queue = new DumpQueue(logical.format === 'dumpall' ? [] : included);
  await sideBySide(vault.signal, [
    async (signal) => {
      const here = { ...options, vault: { ...vault, signal } };
      if (logical.format === 'dumpall') run.dumpAll = await dumpAll(here, run, included);
      await dumpEach(here, run, () => queue.takeLargest(), pause);
    },
    async (signal) => {
      const here = { ...options, jobs: 1, vault: { ...vault, signal } };
      run.globals = await globals(here, run);
      await dumpEach(here, run, () => queue.takeSmall(), pause);
    },
  ]);
  if (run.globals === undefined) throw new Error('The globals were not dumped.');
  return {
    server: server.facts,
    globals: run.globals,
    databases: run.databases.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    dumpAll: run.dumpAll,
    notIncluded: run.notIncluded,
    warnings: run.warnings,
    durations: run.durations,
    pending: run.streams.flatMap(({ artifacts }) => artifacts),
  };
}

/** What a backup gathers on its way. */
interface Run {
  readonly streams: PendingStream[];
  readonly databases: DatabaseEntry[];
  globals: LogicalManifest['globals'] | undefined;
  dumpAll: LogicalManifest['dumpAll'];
  readonly notIncluded: NotIncluded[];
  readonly warnings: string[];
  readonly durations: Record<string, number>;
}

function takeWarnings(run: Run, warnings: readonly string[], database?: string): void {
  const { notIncluded, unknown } = sortWarnings(warnings, database);
  run.notIncluded.push(...notIncluded);
  run.warnings.push(...unknown);
}

async function globals(
  { source, programs, logical, vault, spool }: LogicalBackupOptions,
  run: Run,
): Promise<LogicalManifest['globals']> {
  const clock = stopwatch();
  const { stream, warnings } = await dumpGlobals({
    server: source.server,
    program: programs.pgDumpall,
    logical,
    vault,
    cwd: spool.directory,
  });
  // They take no snapshot: that the server was the same before and after has to do.
  await verifyUnchanged(source);
  // Ahead of all others, whichever lane was faster: it is completed first and alone, and so it is what
  // keeps a second task under the same label away.
  run.streams.unshift(stream);
  takeWarnings(run, warnings);
  run.durations.globals = clock();
  return { ...streamEntry(stream), rolePasswords: logical.rolePasswords };
}

/** Dumps one database after the other, until `next` has none. */
async function dumpEach(
  options: LogicalBackupOptions,
  run: Run,
  next: () => SourceDatabase | undefined,
  pause: ReplayPause | undefined,
): Promise<void> {
  const { log, vault } = options;
  for (let database = next(); database !== undefined; database = next()) {
    vault.signal.throwIfAborted();
    log.info('dump started', { database: database.name, bytes: database.sizeBytes });
    const lap = stopwatch();
    const { dumped, notIncluded, warnings } = await dumpAfresh(options, database, pause);
    run.notIncluded.push(...notIncluded);
    run.warnings.push(...warnings);
    run.databases.push(dumped.entry);
    run.streams.push(...dumped.streams);
    takeWarnings(run, dumped.warnings, database.name);
    run.durations[`database ${database.name}`] = lap();
    log.info('dump uploaded', {
      database: database.name,
      seconds: lap(),
      bytes: dumped.streams.reduce((total, { bytes }) => total + bytes, 0),
    });
  }
}

async function dumpAll(
  { source, programs, logical, compression, vault, spool, log }: LogicalBackupOptions,
  run: Run,
  databases: readonly SourceDatabase[],
): Promise<LogicalManifest['dumpAll']> {
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
    maxBytesPerSecond: spool.maxBytesPerSecond,
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
