import { Readable } from 'node:stream';
import { execa } from 'execa';
import { HoldfastError } from '../../../../contract/errors.ts';
import { conninfo } from '../../keep-alive.ts';
import type { ClientPrograms } from '../client-programs.ts';
import { hideInLine } from '../hide-values.ts';
import type { ReportProgress } from '../restore-progress.ts';
import { isNews, runProgram } from '../run-program.ts';
import { clientEnvironment, type TargetServer } from '../target-connection.ts';

export interface SchemaCopy {
  readonly programs: Pick<ClientPrograms, 'pgDump' | 'psql'>;
  readonly target: TargetServer;
  readonly schema: string;
  /** The scratch database. */
  readonly from: string;
  readonly into: string;
  /** The scratch database's, as PostgreSQL calls it. */
  readonly encoding: string;
  readonly noOwner: boolean;
  readonly noPrivileges?: boolean | undefined;
  /** SQL for the transaction, before anything is read and after the last row. */
  readonly first: string;
  readonly last: string;
  /** How many tables there are, for the progress. */
  readonly tables: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ReportProgress | undefined;
  /** Whether the schema is in the database in use, once the transaction has ended. */
  readonly isThere: () => Promise<boolean>;
}

/** Between SIGTERM and SIGKILL, milliseconds. */
const GRACE_MS = 10_000;
const KEPT_LINES = 12;

/**
 * Copies a schema from one database of a server into another in one transaction, `pg_dump` into `psql`.
 *
 * It is not `--single-transaction`, which commits at the end of the input, and a `pg_dump` that dies
 * ends it too: here the COMMIT is sent when `pg_dump` has exited with 0, and without it all is undone.
 * Once it is sent, a signal waits.
 *
 * @returns what the programs warned of.
 * @throws HoldfastError RESTORE_FAILED
 */
export async function copySchema(copy: SchemaCopy): Promise<string[]> {
  const { programs, target, into, signal } = copy;
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  let committing = false;
  async function* transaction(): AsyncGenerator<string | Buffer> {
    // Whatever the database sets for its sessions.
    yield 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n';
    // As every session of ours: functions of the database's users would run with our rights.
    yield `SET LOCAL search_path = '';\n`;
    yield `SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';\n${copy.first}\n`;
    yield* dumpOf(copy, stop.signal);
    // The dump's own encoding holds until somebody says another.
    yield `\nSET LOCAL client_encoding = 'UTF8';\n${copy.last}\n`;
    stop.signal.throwIfAborted();
    signal?.removeEventListener('abort', forward);
    committing = true;
    yield 'COMMIT;\n';
  }
  const args = [
    ...['--no-psqlrc', '--quiet', '--no-password', '--set=ON_ERROR_STOP=1', '--file=-'],
    `--dbname=${conninfo(into)}`,
  ];
  try {
    signal?.throwIfAborted();
    const input = [Readable.from(transaction(), { objectMode: false })];
    return await runProgram(programs.psql, args, { target, signal: stop.signal, input });
  } catch (error) {
    // The connection may break when the server has committed and not said so yet.
    if (!committing) throw error;
    const isThere = await copy.isThere().catch((cause: unknown) => {
      throw unknownOutcome(copy, error, cause);
    });
    if (!isThere) throw error;
    return [`psql did not end well, but the tables are there: ${(error as Error).message}`];
  } finally {
    signal?.removeEventListener('abort', forward);
  }
}

async function* dumpOf(copy: SchemaCopy, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { programs, target, schema, from, tables, onProgress } = copy;
  const args = ['--format=plain', `--encoding=${copy.encoding}`, '--no-password', '--verbose'];
  if (copy.noOwner) args.push('--no-owner');
  if (copy.noPrivileges === true) args.push('--no-privileges');
  const child = execa(
    programs.pgDump,
    [...args, `--schema=${schema}`, `--dbname=${conninfo(from)}`],
    {
      env: clientEnvironment(target),
      extendEnv: false,
      stdin: 'ignore',
      buffer: false,
      reject: false,
      forceKillAfterDelay: GRACE_MS,
      cancelSignal: signal,
    },
  );
  const said: string[] = [];
  const listening = (async () => {
    let done = 0;
    for await (const line of child.iterable({ from: 'stderr' })) {
      if (/: dumping contents of table /.test(line)) {
        done += 1;
        onProgress?.({
          stage: 'copy',
          done: Math.min(done, tables),
          total: tables,
          unit: 'tables',
        });
      }
      if (isNews(line)) said.push(hideInLine(line));
    }
  })();
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    await listening;
    const result = await child;
    if (!result.failed) return;
    const how = result.signal ? `signal ${result.signal}` : `exit status ${result.exitCode}`;
    throw new HoldfastError(
      'RESTORE_FAILED',
      `pg_dump of the scratch database ended with ${how}: ${said.slice(-KEPT_LINES).join('\n') || (result.originalMessage ?? '')}`,
      {
        hint: 'What had been built was dropped and the target is as before. Mend the cause, then run it again.',
        cause: result,
      },
    );
  } finally {
    child.kill();
    await Promise.allSettled([child, listening]);
  }
}

function unknownOutcome(
  { schema, into }: SchemaCopy,
  lost: unknown,
  cause: unknown,
): HoldfastError {
  return new HoldfastError(
    'RESTORE_FAILED',
    `Everything was copied, but the answer to the COMMIT was lost (${(lost as Error).message}), and whether it took effect is unknown: ${(cause as Error).message}`,
    {
      hint: `Once the server answers, look whether "${into}" has the schema ${schema}: if it has, all is there; else nothing was changed, run it again.`,
      cause,
    },
  );
}
