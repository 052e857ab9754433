import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { conninfo } from '../keep-alive.ts';
import type { ClientPrograms } from './client-programs.ts';
import type { DumpToc, TocEntry } from './dump-toc.ts';
import { type LoadPlan, planLoad, type TableStream } from './load-plan.ts';
import type { NotRestored } from './not-restored.ts';
import { restorePasses } from './restore-passes.ts';
import { pgRestoreProgress, type ReportProgress } from './restore-progress.ts';
import { type ProgramRun, runProgram } from './run-program.ts';
import { nameOfEntry, type Selection } from './select-entries.ts';
import { type FileSuffix, tableArchive } from './table-archive.ts';
import type { TargetServer } from './target-connection.ts';
import { whyFailed } from './why-failed.ts';
import { doWork, type Work } from './work-pool.ts';

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
  /** Tables whose data is not in the archive, but is fetched when it is their turn. */
  readonly streams: readonly DataStream[];
}

/** A table's data, as a file of a dump's directory that is not there. */
export interface DataStream extends TableStream {
  readonly suffix: FileSuffix;
  /**
   * The file's bytes, proven only when they have been read to the end; throws when they are not what
   * was backed up.
   */
  read(signal: AbortSignal): AsyncIterable<Buffer>;
}

/** What came of a load that ended well. */
export interface Loaded {
  /** What the programs warned of. */
  readonly warnings: string[];
  readonly notRestored: readonly NotRestored[];
}

/**
 * Loads a staged dump into the temporary database; the first error ends it. But materialized views are
 * no data: what they need to be filled, another server or a file perhaps, may not be there any more,
 * which is told, and keeps nobody from all else.
 *
 * @throws HoldfastError RESTORE_FAILED, and what the streams' readers throw
 */
export async function loadDump(
  staged: StagedArchive,
  temporary: string,
  { dumpIds, noTablespaces }: Selection,
  options: LoadOptions,
): Promise<Loaded> {
  const { toc, streams } = staged;
  const common = ['--exit-on-error', '--verbose', `--dbname=${conninfo(temporary)}`];
  if (options.noOwner) common.push('--no-owner');
  if (noTablespaces) common.push('--no-tablespaces');
  const loader = new DumpLoader(staged, common, dumpIds, options);
  const { views, others } = apartFromViews(toc, dumpIds);
  for (const pass of restorePasses(toc, others, options.jobs)) {
    const data = new Set(pass.dumpIds ?? toc.entries.map(({ dumpId }) => dumpId));
    const itsStreams = streams.filter(({ dumpId }) => data.has(dumpId));
    const plan = planLoad(toc, pass.dumpIds, itsStreams);
    if (itsStreams.length > 0 || (pass.jobs > 1 && plan.alone.length > 0)) {
      await loader.planned(plan, pass.jobs);
    } else await loader.entries(pass.dumpIds, pass.jobs, options.signal);
  }
  // pg_restore, too, fills them at the very end.
  const notRestored = await loader.fillViews(views, options.jobs);
  return { warnings: loader.warnings, notRestored };
}

/** @returns `others`: undefined, all of them, where there is no view to be filled */
function apartFromViews(
  { entries }: DumpToc,
  dumpIds: readonly number[] | undefined,
): { readonly views: readonly TocEntry[]; readonly others: readonly number[] | undefined } {
  const wanted = new Set(dumpIds ?? entries.map(({ dumpId }) => dumpId));
  const views = entries.filter(
    ({ dumpId, desc }) => desc === 'MATERIALIZED VIEW DATA' && wanted.has(dumpId),
  );
  if (views.length === 0) return { views, others: dumpIds };
  for (const { dumpId } of views) wanted.delete(dumpId);
  return { views, others: [...wanted] };
}

class DumpLoader {
  readonly warnings: string[] = [];
  readonly #staged: StagedArchive;
  readonly #common: readonly string[];
  readonly #options: LoadOptions;
  readonly #onLine: (line: string) => void;
  #lists = 0;

  constructor(
    staged: StagedArchive,
    common: readonly string[],
    dumpIds: readonly number[] | undefined,
    options: LoadOptions,
  ) {
    this.#staged = staged;
    this.#common = common;
    this.#options = options;
    // Where there are streams, the bytes that were fetched tell how far it is.
    this.#onLine = pgRestoreProgress(
      staged.toc,
      dumpIds,
      staged.streams.length === 0 ? options.onProgress : undefined,
    );
  }

  /** Restores entries of the archive, `undefined`: all of them. */
  async entries(
    dumpIds: readonly number[] | undefined,
    jobs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { directory, archive } = this.#staged;
    const args = [...this.#common, `--jobs=${jobs}`];
    if (dumpIds !== undefined) {
      if (dumpIds.length === 0) return;
      this.#lists += 1;
      const list = join(directory, `holdfast-${this.#lists}.list`);
      await writeFile(list, dumpIds.map((id) => `${id};\n`).join(''));
      args.push(`--use-list=${list}`);
    }
    await this.#run([...args, archive], { signal });
  }

  /** Restores what comes before streams, loads them, biggest first, and restores the rest. */
  async planned(plan: LoadPlan<DataStream>, jobs: number): Promise<void> {
    await this.entries(plan.first, jobs, this.#options.signal);
    const work = plan.streams.map(
      (stream): Work =>
        async (signal) => {
          await this.#table(stream, signal);
          return this.#steps(plan.after.get(stream.dumpId) ?? []);
        },
    );
    await doWork(work, jobs, this.#options.signal);
    await this.entries(plan.alone, 1, this.#options.signal);
    await this.entries(plan.last, jobs, this.#options.signal);
  }

  /** Fills all at once; where that fails, one after the other, so that one that can be filled is. */
  async fillViews(views: readonly TocEntry[], jobs: number): Promise<NotRestored[]> {
    const fill = (those: readonly TocEntry[], atOnce: number) =>
      whyFailed(
        this.entries(
          those.map(({ dumpId }) => dumpId),
          atOnce,
          this.#options.signal,
        ),
      );
    if ((await fill(views, jobs)) === undefined) return [];
    const notRestored: NotRestored[] = [];
    for (const view of views) {
      const why = await fill([view], 1);
      const statement = view.definition.trim();
      if (why !== undefined) notRestored.push({ what: nameOfEntry(view), why, statement });
    }
    return notRestored;
  }

  /** The first of these steps; its last part to end brings the next. */
  #steps([step, ...later]: readonly (readonly (readonly number[])[])[]): Work[] {
    let left = step?.length ?? 0;
    return (step ?? []).map((ids) => async (signal) => {
      await this.entries(ids, 1, signal);
      left -= 1;
      return left === 0 ? this.#steps(later) : [];
    });
  }

  async #table(stream: DataStream, signal: AbortSignal): Promise<void> {
    const { toc } = this.#staged;
    const entry = toc.entries.find(({ dumpId }) => dumpId === stream.dumpId);
    if (entry === undefined) throw new Error(`There is no entry ${stream.dumpId}.`);
    const unread = new AbortController();
    const data = stream.read(AbortSignal.any([signal, unread.signal]));
    const archive = tableArchive(toc, entry, stream.suffix, data);
    await this.#run(['--format=custom', '--data-only', ...this.#common], {
      signal,
      input: [Readable.from(archive, { objectMode: false })],
      // S3 may be silent for minutes: nobody waits for it any more.
      onExit: () => unread.abort(),
    });
  }

  async #run(
    args: readonly string[],
    run: Pick<ProgramRun, 'signal' | 'input' | 'onExit'>,
  ): Promise<void> {
    const { programs, target } = this.#options;
    const all = { ...run, target, onLine: this.#onLine };
    this.warnings.push(...(await runProgram(programs.pgRestore, args, all)));
  }
}
