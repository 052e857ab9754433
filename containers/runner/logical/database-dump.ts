import type { DatabaseEntry } from '../../../contract/logical-manifest.ts';
import type { LogicalOptions } from '../../../contract/logical-options.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { PendingStream } from '../../../vault/stream-upload.ts';
import type { SpoolPolicy } from '../engine/dump-stream.ts';
import type { Program } from '../process/program.ts';
import type { SourceDatabase } from '../source/databases.ts';
import type { Server } from '../source/server.ts';
import type { Snapshot } from '../source/snapshot.ts';

/** What a dump of one database is told, in every format. */
export interface DumpDatabaseOptions {
  readonly server: Server;
  readonly database: SourceDatabase;
  readonly snapshot: Snapshot;
  readonly jobs: number;
  readonly compression: string;
  readonly logical: LogicalOptions;
  readonly programs: { readonly pgDump: Program; readonly pgRestore: Program };
  readonly spoolDirectory: string;
  readonly spool: SpoolPolicy;
  readonly vault: BackupVault;
}

/** A database that lies in S3 whole, proven so, and visible to nobody yet. */
export interface DumpedDatabase {
  readonly entry: DatabaseEntry;
  readonly streams: readonly PendingStream[];
  readonly warnings: readonly string[];
}
