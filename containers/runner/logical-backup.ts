import type pg from 'pg';
import type { DatabaseEntry, Manifest, NotIncluded } from '../../contract/manifest.ts';
import type { PendingArtifact } from '../../vault/artifact-upload.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import type { PendingStream } from '../../vault/stream-upload.ts';
import type { Log } from './log.ts';
import { dumpDatabase, streamEntry } from './logical/dump-database.ts';
import { dumpGlobals } from './logical/dump-globals.ts';
import type { Program } from './process/program.ts';
import type { ChosenSource } from './source/choose-source.ts';
import { connectionError } from './source/connection-error.ts';
import { findDatabases, type SourceDatabase } from './source/databases.ts';
import { connect, disconnect, type Server } from './source/server.ts';
import { takeSnapshot } from './source/snapshot.ts';
import { assertSameServer, verifyUnchanged } from './source/verify-unchanged.ts';
import type { Spool } from './spool.ts';

export interface LogicalBackupOptions {
  readonly source: ChosenSource;
  readonly jobs: number;
  readonly compression: string;
  readonly programs: Readonly<Record<'pgDump' | 'pgDumpall' | 'pgRestore', Program>>;
  readonly spool: Spool;
  readonly vault: BackupVault;
  readonly log: Log;
}

/** Everything a logical backup holds: in S3, proven complete, visible to nobody yet. */
export interface LogicalBackup
  extends Pick<Manifest, 'globals' | 'notIncluded' | 'warnings' | 'durations'> {
  readonly databases: DatabaseEntry[];
  readonly pending: readonly PendingArtifact[];
  readonly peakSpoolBytes: number;
}

/** Dumps the globals and every database, one after the other, each with a snapshot of its own. */
export async function takeLogicalBackup(options: LogicalBackupOptions): Promise<LogicalBackup> {
  const { source, log, vault } = options;
  const { included, skipped } = await withSession(source.server, findDatabases);
  const notIncluded: NotIncluded[] = [
    { what: 'role passwords', why: 'left out by --no-role-passwords' },
    ...skipped,
  ];
  const clock = stopwatch();
  const globals = await dumpGlobals({
    server: source.server,
    program: options.programs.pgDumpall,
    vault,
    cwd: options.spool.directory,
  });
  // They take no snapshot: that the server was the same before and after has to do.
  await verifyUnchanged(source);
  const durations: Record<string, number> = { globals: clock() };
  const streams: PendingStream[] = [globals.stream];
  const warnings = [...globals.warnings];
  const databases: DatabaseEntry[] = [];
  let peakSpoolBytes = 0;
  for (const database of included) {
    log.info('dump started', { database: database.name, bytes: database.sizeBytes });
    const lap = stopwatch();
    const dumped = await dumpWithSnapshot(options, database, notIncluded);
    databases.push(dumped.entry);
    streams.push(...dumped.streams);
    warnings.push(...dumped.warnings);
    peakSpoolBytes = Math.max(peakSpoolBytes, dumped.peakSpoolBytes);
    durations[`database ${database.name}`] = lap();
    log.info('dump uploaded', {
      database: database.name,
      seconds: lap(),
      bytes: dumped.streams.reduce((total, { bytes }) => total + bytes, 0),
    });
  }
  return {
    globals: { ...streamEntry(globals.stream), rolePasswords: false },
    databases,
    notIncluded,
    warnings,
    durations,
    pending: streams.flatMap(({ artifacts }) => artifacts),
    peakSpoolBytes,
  };
}

async function dumpWithSnapshot(
  options: LogicalBackupOptions,
  database: SourceDatabase,
  notIncluded: NotIncluded[],
): ReturnType<typeof dumpDatabase> {
  const { source, programs, spool } = options;
  const snapshot = await takeSnapshot(source.server, database.name).catch((error: unknown) => {
    throw connectionError(error, source.server);
  });
  try {
    // The very session that the dump's snapshot comes from.
    assertSameServer(source, snapshot.survey);
    if (snapshot.missingRights !== undefined) throw snapshot.missingRights;
    if (snapshot.hiddenSubscriptions > 0) {
      notIncluded.push({
        what: `subscriptions (${snapshot.hiddenSubscriptions})`,
        why: 'only a superuser may read them',
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
      snapshot,
      jobs: options.jobs,
      compression: options.compression,
      programs,
      spoolDirectory: spool.directory,
      spool,
      vault: options.vault,
    });
  } finally {
    await snapshot.release();
  }
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
