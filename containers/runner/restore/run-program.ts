import { execa } from 'execa';
import { HoldfastError } from '../../../contract/errors.ts';
import { clientEnvironment, type TargetServer } from './target-connection.ts';

const KEPT_LINES = 200;
/** Between SIGTERM and SIGKILL, milliseconds. */
const GRACE_MS = 10_000;

export interface ProgramRun {
  readonly target: TargetServer;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: (line: string) => void;
}

/**
 * Runs one of PostgreSQL's client programs against the target, to its end.
 *
 * @returns its warnings, one text each, without what they quote of rows.
 * @throws HoldfastError RESTORE_FAILED when it exits with anything but 0
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { target, signal, onLine }: ProgramRun,
): Promise<string[]> {
  const warnings: string[] = [];
  const said: string[] = [];
  const child = execa(program, args, {
    env: clientEnvironment(target),
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'ignore',
    buffer: false,
    reject: false,
    forceKillAfterDelay: GRACE_MS,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  for await (const line of child.iterable({ from: 'stderr' })) {
    onLine?.(line);
    if (/^\w+: warning: |^WARNING: /.test(line)) warnings.push(line.replace(/^\w+: warning: /, ''));
    if (isNews(line)) {
      said.push(line.replace(/^(CONTEXT: {2}COPY [^:]*: ?\w* ?\d*).*$/, '$1'));
      if (said.length > KEPT_LINES) said.shift();
    }
  }
  const result = await child;
  signal?.throwIfAborted();
  if (!result.failed) return warnings;
  const how = result.signal ? `signal ${result.signal}` : `exit status ${result.exitCode}`;
  const name = program.slice(program.lastIndexOf('/') + 1);
  throw new HoldfastError(
    'RESTORE_FAILED',
    `${name} ended with ${how}: ${said.slice(-12).join('\n') || (result.originalMessage ?? '')}`,
    {
      hint: 'What had been built was dropped and the target is as before. Mend the cause, then run it again.',
      cause: result,
    },
  );
}

/** Neither the progress of `--verbose` nor a DETAIL, which quotes values out of rows. */
function isNews(line: string): boolean {
  return (
    /^\w+: (error|warning|hint): |^(ERROR|FATAL|WARNING|HINT|CONTEXT): |^Command was: /.test(
      line,
    ) && !/^DETAIL/.test(line)
  );
}
