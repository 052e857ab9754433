import { HoldfastError } from '../../../contract/errors.ts';
import { timelineAt } from '../../../contract/recovery-window.ts';
import { gapBetween } from '../../../contract/wal-coverage.ts';
import { formatLsn } from '../../../contract/wal-segments.ts';
import { describeRange, type RecoveryPath } from './recovery-path.ts';
import { describeTarget, type RecoveryGoal } from './recovery-target.ts';

/** A backup ends after the target, or does not lead to it: an older one may. */
export class BaseTooLate extends Error {}

/** @param why a sentence without its end. */
export function unreachable(
  path: RecoveryPath,
  goal: RecoveryGoal,
  why: string,
  hint = 'Give a target in that range (`holdfast list` tells its end as a time), or --target latest.',
): HoldfastError {
  return new HoldfastError(
    'TARGET_UNREACHABLE',
    `The target, ${describeTarget(goal.target)}, cannot be reached: ${why}. ${describeRange(path)}`,
    { hint: `Nothing was changed. ${hint}` },
  );
}

/** In words, where WAL that hangs together ends, and why. */
export function describeEnd({ ranges, path, catalog }: RecoveryPath, reach: bigint): string {
  const next = ranges.find(({ from }) => from > reach);
  if (next === undefined) return `WAL ends at ${formatLsn(reach)}`;
  const { first, last } = gapBetween(
    ...([timelineAt(path, next.from), reach, next.from, catalog.segmentBytes] as const),
  );
  return `WAL has a gap at ${formatLsn(reach)}: ${first === last ? first : `${first} to ${last}`}`;
}

/** Whether WAL goes on somewhere after it has ended. */
export function hasGapAfter({ ranges }: RecoveryPath, reach: bigint): boolean {
  return ranges.some(({ from }) => from > reach);
}
