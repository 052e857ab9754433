import { conninfo } from '../keep-alive.ts';
import { hideQuoted } from './hide-values.ts';
import type { LoadOptions } from './load-dump.ts';
import { runProgram } from './run-program.ts';
import { withSession } from './target-connection.ts';
import { whyFailed } from './why-failed.ts';

const ANALYZABLE = `
  SELECT format('%I.%I', nspname, relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
   WHERE relkind IN ('r', 'm') AND relpersistence <> 't' ORDER BY 1`;

/**
 * Gives the planner statistics: without them the first queries may take hours. At once and not in
 * stages, as nobody can use the database before it is renamed.
 *
 * A table that cannot be looked at, because a child of it lies on another server, is no reason to give up
 * what was restored.
 *
 * @returns warnings
 * @throws HoldfastError RESTORE_REFUSED when the target is gone
 */
export async function analyze(temporary: string, options: LoadOptions): Promise<string[]> {
  const { programs, target, jobs, signal } = options;
  const args = ['--analyze-only', '--quiet', `--jobs=${jobs}`, `--dbname=${conninfo(temporary)}`];
  const warnings: string[] = [];
  const program = runProgram(programs.vacuumdb, args, { target, signal });
  const failure = await whyFailed(program.then((said) => warnings.push(...said)));
  return failure === undefined ? warnings : await analyzeEach(temporary, options);
}

/** The first failure ends vacuumdb: this goes on. */
async function analyzeEach(temporary: string, { target, signal }: LoadOptions): Promise<string[]> {
  return await withSession(target, temporary, async (session) => {
    const warnings: string[] = [];
    const { rows } = await session.query<{ name: string }>(ANALYZABLE);
    for (const { name } of rows) {
      signal?.throwIfAborted();
      await session.query(`ANALYZE ${name}`).catch((error: unknown) => {
        warnings.push(`No statistics of ${name}: ${hideQuoted((error as Error).message)}`);
      });
    }
    return warnings;
  });
}
