import { HoldfastError } from '../../../contract/errors.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import { type PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { Child, describeExit } from '../process/child.ts';
import type { Program } from '../process/program.ts';
import { conninfo, libpqEnvironment, type Server } from '../source/server.ts';
import { dumpFailure } from './dump-failure.ts';

/** The last line that a whole output of pg_dumpall has. */
const TRAILER = 'PostgreSQL database cluster dump complete';
/** How much of the output's end is kept to look for it, bytes. */
const TAIL_BYTES = 4096;

export interface DumpGlobalsOptions {
  readonly server: Server;
  readonly program: Program;
  readonly vault: BackupVault;
  readonly cwd: string;
}

/**
 * Uploads roles, memberships, role settings and tablespaces as plain SQL, without passwords.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE
 */
export async function dumpGlobals(
  options: DumpGlobalsOptions,
): Promise<{ stream: PendingStream; warnings: readonly string[] }> {
  const { server, program, vault } = options;
  const upload = new StreamUpload(vault, 'globals.sql');
  const child = await Child.start({
    command: program.path,
    args: [
      '--globals-only',
      '--no-role-passwords',
      '--no-password',
      `--dbname=${conninfo(server.target.database)}`,
    ],
    environment: libpqEnvironment(server),
    cwd: options.cwd,
    signal: vault.signal,
  });
  try {
    let tail = Buffer.alloc(0);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      vault.signal.throwIfAborted();
      await upload.write(chunk);
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
    }
    const exit = await child.groupGone();
    if (exit.code !== 0)
      throw dumpFailure('pg_dumpall', 'the globals', describeExit(exit), child.stderr.tail);
    if (!tail.toString('utf8').includes(TRAILER)) {
      throw new HoldfastError(
        'DUMP_INCOMPLETE',
        'pg_dumpall ended well, but its output is cut off.',
        {
          hint: 'Nothing was published. Run the backup again.',
        },
      );
    }
    return { stream: await upload.finish(), warnings: child.stderr.warnings };
  } finally {
    await child.stop();
  }
}
