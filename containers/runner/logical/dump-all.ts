import type { DumpAll } from '../../../contract/logical-manifest.ts';
import type { LogicalOptions } from '../../../contract/logical-options.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { PendingStream } from '../../../vault/stream-upload.ts';
import type { Program } from '../process/program.ts';
import type { SourceDatabase } from '../source/databases.ts';
import type { Server } from '../source/server.ts';
import { lagBehind, streamEntry } from './database-facts.ts';
import { dumpallArguments } from './dump-arguments.ts';
import { pipeSql } from './pipe-dump.ts';
import { compressedSuffix } from './stream-compression.ts';

export interface DumpEverythingOptions {
  readonly server: Server;
  readonly program: Program;
  readonly logical: LogicalOptions;
  readonly compression: string;
  readonly databases: readonly SourceDatabase[];
  /** Names of the databases that are left out. */
  readonly excluded: readonly string[];
  /** `undefined`: unknown. */
  readonly replayLagSeconds: number | undefined;
  readonly vault: BackupVault;
  readonly cwd: string;
  readonly maxBytesPerSecond: number | undefined;
}

/**
 * Uploads the whole cluster as one plain SQL of `pg_dumpall`: globals, then each database under a
 * snapshot of its own.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE
 */
export async function dumpEverything(options: DumpEverythingOptions): Promise<{
  readonly entry: DumpAll;
  readonly stream: PendingStream;
  readonly warnings: readonly string[];
}> {
  const { server, program, logical, compression, databases } = options;
  const startedAt = new Date();
  const { stream, warnings } = await pipeSql({
    server,
    command: program.path,
    args: dumpallArguments(logical, server.target.database, options.excluded),
    name: `dumpall.sql${compressedSuffix(compression)}`,
    what: 'everything',
    vault: options.vault,
    cwd: options.cwd,
    maxBytesPerSecond: options.maxBytesPerSecond,
    program: 'pg_dumpall',
    compression,
  });
  return {
    entry: {
      ...streamEntry(stream),
      compression,
      databases: databases.map(({ name, oid, sizeBytes }) => ({ name, oid, sizeBytes })),
      startedAt: startedAt.toISOString(),
      dataAsOf: lagBehind(startedAt, options.replayLagSeconds),
    },
    stream,
    warnings,
  };
}
