import type { DumpToc } from './dump-toc.ts';

/** How far a restore is. */
export interface Progress {
  readonly stage: 'fetch' | 'restore' | 'analyze' | 'copy';
  readonly done: number;
  readonly total: number;
  readonly unit: 'bytes' | 'tables' | 'databases';
}

export type ReportProgress = (progress: Progress) => void;

/** Counts loaded tables out of what `pg_restore --verbose` says, with one job and with several. */
export function pgRestoreProgress(
  toc: DumpToc,
  dumpIds: readonly number[] | undefined,
  report: ReportProgress | undefined,
): (line: string) => void {
  const wanted = new Set(dumpIds ?? toc.entries.map(({ dumpId }) => dumpId));
  const total = toc.entries.filter(
    ({ desc, dumpId }) => desc === 'TABLE DATA' && wanted.has(dumpId),
  ).length;
  let done = 0;
  return (line) => {
    if (!/: (finished item \d+ TABLE DATA|processing data for table) /.test(line)) return;
    done = Math.min(total, done + 1);
    report?.({ stage: 'restore', done, total, unit: 'tables' });
  };
}
