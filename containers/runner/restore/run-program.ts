import type { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { HoldfastError } from '../../../contract/errors.ts';
import { hideInLine } from './hide-values.ts';
import { clientEnvironment, type TargetServer } from './target-connection.ts';

const KEPT_LINES = 200;
/** Between SIGTERM and SIGKILL, milliseconds. */
const GRACE_MS = 10_000;

export interface ProgramRun {
  readonly target: TargetServer;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: (line: string) => void;
  /** What the program reads, each stream piped into the next. @default nothing */
  readonly input?: readonly (Readable | Transform)[];
  /** Called when it has ended, whether it has read its input or not. */
  readonly onExit?: () => void;
}

/**
 * Runs one of PostgreSQL's client programs against the target, to its end.
 *
 * @returns its warnings, one text each, without what they quote of rows and statements.
 * @throws HoldfastError RESTORE_FAILED when it exits with anything but 0
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { target, signal, onLine, input, onExit }: ProgramRun,
): Promise<string[]> {
  const warnings: string[] = [];
  const said: string[] = [];
  const child = execa(program, args, {
    env: clientEnvironment(target),
    extendEnv: false,
    stdin: input === undefined ? 'ignore' : 'pipe',
    stdout: 'ignore',
    buffer: false,
    reject: false,
    forceKillAfterDelay: GRACE_MS,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  let exited = false;
  const feeding = feed(child, input, () => exited);
  for await (const printed of child.iterable({ from: 'stderr' })) {
    // psql puts the place in front: `psql:<stdin>:12: ERROR:  …`
    const raw = printed.replace(/^psql:[^ ]*:\d+: /, '');
    onLine?.(raw);
    const line = hideInLine(raw);
    const warning = warningIn(line);
    if (warning !== undefined) warnings.push(warning);
    if (isNews(line)) {
      said.push(line.replace(/^(CONTEXT: {2}COPY [^:]*: ?\w* ?\d*).*$/, '$1'));
      if (said.length > KEPT_LINES) said.shift();
    }
  }
  const result = await child;
  exited = true;
  onExit?.();
  signal?.throwIfAborted();
  const unfed = await feeding;
  if (!result.failed && unfed === undefined) return warnings;
  // A program that went away tells why by itself; what else kept it from its input is the cause.
  if (unfed !== undefined && (!result.failed || !unfed.gone)) throw unfed.error;
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

/**
 * A program's own warning, or one of the server's. The names of programs come from several processes
 * at once, so that a line can begin with two of them, or with none.
 */
export function warningIn(line: string): string | undefined {
  return /^(?:\w+: )+warning: (.*)$|^(?:\w+: )*(WARNING: .*)$/.exec(line)?.slice(1).find(Boolean);
}

/**
 * Pipes into the program; ends it when that fails, because it would take the end of what it got for
 * the end of all.
 *
 * @returns what failed, if anything did, and whether only because the program was gone.
 */
async function feed(
  child: { readonly stdin: Writable | null; kill(signal: NodeJS.Signals): boolean },
  input: readonly (Readable | Transform)[] | undefined,
  hasExited: () => boolean,
): Promise<{ readonly error: unknown; readonly gone: boolean } | undefined> {
  if (input === undefined || child.stdin === null) return undefined;
  try {
    await pipeline([...input, child.stdin] as [Readable, Writable]);
    return undefined;
  } catch (error) {
    child.kill('SIGKILL');
    return { error, gone: hasExited() || isGone(error) };
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/** Neither the progress of `--verbose` nor a DETAIL, which quotes values out of rows. */
export function isNews(line: string): boolean {
  return (
    /^\w+: (error|warning|hint): |^(ERROR|FATAL|WARNING|HINT|CONTEXT): |^Command was: /.test(
      line,
    ) && !/^DETAIL/.test(line)
  );
}
