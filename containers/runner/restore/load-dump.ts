import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientPrograms } from './client-programs.ts';
import type { DumpToc } from './dump-toc.ts';
import { restorePasses } from './restore-passes.ts';
import { pgRestoreProgress, type ReportProgress } from './restore-progress.ts';
import { runProgram } from './run-program.ts';
import type { Selection } from './select-entries.ts';
import type { TargetServer } from './target-connection.ts';

export interface LoadOptions {
  readonly programs: ClientPrograms;
  readonly target: TargetServer;
  readonly noOwner: boolean;
  readonly jobs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ReportProgress | undefined;
}

export interface StagedArchive {
  /** Where files of ours may lie. */
  readonly directory: string;
  /** The dump's directory or its file. */
  readonly archive: string;
  readonly toc: DumpToc;
}

/**
 * Loads a staged dump into the temporary database; the first error ends it.
 *
 * @returns what `pg_restore` warned of.
 * @throws HoldfastError RESTORE_FAILED
 */
export async function loadDump(
  { directory, archive, toc }: StagedArchive,
  temporary: string,
  { dumpIds, noTablespaces }: Selection,
  { programs, target, noOwner, jobs, signal, onProgress }: LoadOptions,
): Promise<string[]> {
  const common = ['--exit-on-error', '--verbose', `--dbname=${temporary}`];
  if (noOwner) common.push('--no-owner');
  if (noTablespaces) common.push('--no-tablespaces');
  const onLine = pgRestoreProgress(toc, onProgress);
  const list = join(directory, 'holdfast.list');
  const warnings: string[] = [];
  for (const pass of restorePasses(toc, dumpIds, jobs)) {
    const args = [...common, `--jobs=${pass.jobs}`];
    if (pass.dumpIds !== undefined) {
      await writeFile(list, pass.dumpIds.map((id) => `${id};\n`).join(''));
      args.push(`--use-list=${list}`);
    }
    const said = await runProgram(programs.pgRestore, [...args, archive], {
      target,
      signal,
      onLine,
    });
    warnings.push(...said);
  }
  return warnings;
}

/** Gives the planner statistics, rough ones first: without them the first queries may take hours. */
export async function analyzeInStages(
  temporary: string,
  { programs, target, jobs, signal }: LoadOptions,
): Promise<string[]> {
  const args = ['--analyze-in-stages', '--quiet', `--jobs=${jobs}`, `--dbname=${temporary}`];
  return await runProgram(programs.vacuumdb, args, { target, signal });
}
