import { join } from 'node:path';
import { execa } from 'execa';
import { HoldfastError } from '../../../contract/errors.ts';
import { ANYWHERE, type ServerPrograms } from './server-programs.ts';

/** Between SIGTERM and SIGKILL, milliseconds. */
const GRACE_MS = 10_000;

export interface ServerProgramRun {
  readonly signal?: AbortSignal | undefined;
  /** Working directory. @default one that everybody may enter */
  readonly cwd?: string;
  /** What to do when it fails. */
  readonly hint: string;
}

/**
 * Runs one of PostgreSQL's server programs to its end, in a language that can be read.
 *
 * @returns what it printed
 * @throws HoldfastError RESTORE_FAILED when it exits with anything but 0
 */
export async function runServerProgram(
  { directory }: ServerPrograms,
  name: string,
  args: readonly string[],
  { signal, cwd = ANYWHERE, hint }: ServerProgramRun,
): Promise<string> {
  const result = await execa(join(directory, name), args, {
    cwd,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    forceKillAfterDelay: GRACE_MS,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (!result.failed) return result.stdout;
  const how = result.signal ? `signal ${result.signal}` : `exit status ${result.exitCode}`;
  const said = result.stderr.trim().split('\n').slice(-8).join('\n') || result.originalMessage;
  throw new HoldfastError('RESTORE_FAILED', `${name} ended with ${how}: ${said}`, {
    hint,
    cause: result,
  });
}
