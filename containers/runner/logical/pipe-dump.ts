import type { BackupVault } from '../../../vault/backup-vault.ts';
import { type PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { Child, describeExit } from '../process/child.ts';
import { libpqEnvironment, type Server } from '../source/server.ts';
import { type ArchiveContents, ArchiveProof } from './archive-proof.ts';
import { dumpFailure } from './dump-failure.ts';
import { type CompletenessProof, streamDump } from './stream-dump.ts';
import type { TocListing } from './toc-listing.ts';
import { TrailerProof } from './trailer-proof.ts';

export interface PipeDumpOptions {
  readonly server: Server;
  /** Path of `pg_dump` or `pg_dumpall`. */
  readonly command: string;
  readonly args: readonly string[];
  /** Name of the stream, such as `db-16384/dump.sql.zst`. */
  readonly name: string;
  /** Named in errors: `the globals`, `database shop`. */
  readonly what: string;
  readonly vault: BackupVault;
  readonly cwd: string;
  /** @default no limit */
  readonly maxBytesPerSecond?: number | undefined;
  /** Besides that it is whole. @default none */
  readonly proofs?: readonly CompletenessProof[];
}

export interface PipedDump {
  readonly stream: PendingStream;
  readonly warnings: readonly string[];
}

/**
 * Uploads the custom archive that `pg_dump` prints.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function pipeArchive(
  options: PipeDumpOptions & { readonly pgRestore: string },
): Promise<PipedDump & { readonly contents: ArchiveContents } & Pick<TocListing, 'oids'>> {
  const proof = await ArchiveProof.start(options.pgRestore, options.what, options.cwd);
  try {
    const piped = await pipe(options, proof, 'pg_dump', 'none');
    return { ...piped, contents: proof.contents, oids: proof.oids };
  } finally {
    await proof.stop();
  }
}

/**
 * Uploads the plain SQL that a program prints, compressed on its way.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function pipeSql(
  options: PipeDumpOptions & {
    readonly program: 'pg_dump' | 'pg_dumpall';
    readonly compression: string;
  },
): Promise<PipedDump> {
  const { program, compression } = options;
  return await pipe(options, new TrailerProof(program, options.what), program, compression);
}

async function pipe(
  options: PipeDumpOptions,
  proof: CompletenessProof,
  program: string,
  compression: string,
): Promise<PipedDump> {
  const { command, args, name, what, vault, cwd } = options;
  const child = await Child.start({
    command,
    args,
    environment: libpqEnvironment(options.server),
    cwd,
    signal: vault.signal,
  });
  try {
    const stream = await streamDump({
      child,
      upload: new StreamUpload(vault, name),
      proofs: [proof, ...(options.proofs ?? [])],
      compression,
      signal: vault.signal,
      maxBytesPerSecond: options.maxBytesPerSecond,
      failure: (exit) => dumpFailure(program, what, describeExit(exit), child.stderr.tail),
    });
    return { stream, warnings: child.stderr.warnings };
  } finally {
    await child.stop();
  }
}
