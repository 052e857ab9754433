import type { Progress as LogicalProgress } from '../containers/runner/restore/restore-progress.ts';
import type { PhysicalProgress } from '../containers/runner/restore-physical/physical-restore-request.ts';
import type { VerifyProgress } from '../vault/verify/verification.ts';
import { formatBytes } from './format.ts';
import type { Io } from './io.ts';

const BAR_WIDTH = 24;
const TERMINAL_PAUSE_MS = 100;
const LOG_PAUSE_MS = 5_000;
const STAGE_NAMES = {
  ...{ fetch: 'fetch', restore: 'load', analyze: 'analyze', copy: 'copy' },
  ...{ members: 'verify members', combine: 'combine', verify: 'verify', recover: 'recover' },
  ...{ check: 'check', read: 'read' },
} as const;

type Progress = LogicalProgress | PhysicalProgress | VerifyProgress;

export interface ProgressDisplay {
  report(progress: Progress): void;
  /** Leaves the terminal's cursor on a line of its own. */
  end(): void;
}

/** A bar on a terminal; elsewhere a line every few seconds, so that logs stay readable. */
export function createProgressDisplay({ stderr, now }: Io): ProgressDisplay {
  let shownAt = 0;
  let stage: Progress['stage'] | undefined;
  let open = false;
  let last = '';
  return {
    report(progress) {
      const time = now().getTime();
      const news = progress.stage !== stage || progress.done >= progress.total;
      if (!news && time - shownAt < (stderr.isTTY ? TERMINAL_PAUSE_MS : LOG_PAUSE_MS)) return;
      if (stderr.isTTY && open && progress.stage !== stage) stderr.write('\n');
      stage = progress.stage;
      shownAt = time;
      open = true;
      if (stderr.isTTY) stderr.write(`\r\x1b[2K${bar(progress)}`);
      else if (words(progress) !== last) stderr.write(`${words(progress)}\n`);
      last = words(progress);
    },
    end() {
      if (stderr.isTTY && open) stderr.write('\n');
      open = false;
      last = '';
    },
  };
}

function words({ stage, done, total, unit }: Progress): string {
  const count = (amount: number) => (unit === 'bytes' ? formatBytes(amount) : String(amount));
  const tail = unit === 'bytes' ? '' : ` ${unit}`;
  return `${STAGE_NAMES[stage]}: ${count(done)} of ${count(total)}${tail}`;
}

function bar(progress: Progress): string {
  const share = progress.total === 0 ? 1 : Math.min(1, progress.done / progress.total);
  const full = Math.round(share * BAR_WIDTH);
  const drawn = '#'.repeat(full) + '.'.repeat(BAR_WIDTH - full);
  return `[${drawn}] ${String(Math.floor(share * 100)).padStart(3)} %  ${words(progress)}`;
}
