import { LOCK_MODES } from '../contract/names.ts';
import type { Environment } from './environment.ts';
import { isWhole, type Problems } from './environment-problems.ts';

/** S3 itself takes up to 100 years. */
const LONGEST_LOCK_DAYS = 36_500;

/** Beyond that, and under COMPLIANCE, a lock has to be meant. */
const ORDINARY_LOCK_DAYS = 400;

/**
 * How far a retention stays within what the vault takes. What remains of a lock is counted when an
 * object is written: the backup role may give a day more, and up to two less, than the retention.
 */
const ABOVE_LEAST_DAYS = 2;
const BELOW_MOST_DAYS = 1;

/** The bounds' own distance, so that there is a retention between them. */
const APART_DAYS = ABOVE_LEAST_DAYS + BELOW_MOST_DAYS;

export const LOCK_DEFAULTS = { minLockDays: 1, maxLockDays: ORDINARY_LOCK_DAYS };

/** What locks the vault takes. Days. */
export interface LockBounds {
  readonly minLockDays: number;
  readonly maxLockDays: number;
}

type Locks = Pick<
  Environment,
  'lockMode' | 'retentionDays' | 'minLockDays' | 'maxLockDays' | 'acknowledgeLongLocks'
>;

export function checkLocks(given: Locks, problems: Problems): void {
  const { retentionDays, minLockDays, maxLockDays } = given;
  const { lockMode = 'COMPLIANCE', acknowledgeLongLocks = false } = given;
  problems.requireOneOf('lockMode', lockMode, LOCK_MODES);
  problems.requireBoolean('acknowledgeLongLocks', acknowledgeLongLocks);
  if (maxLockDays !== undefined) {
    const least = LOCK_DEFAULTS.minLockDays + APART_DAYS;
    problems.requireInteger('maxLockDays', maxLockDays, least, LONGEST_LOCK_DAYS);
  }
  if (minLockDays !== undefined) {
    const most = lockBounds({ maxLockDays }).maxLockDays - APART_DAYS;
    problems.requireInteger('minLockDays', minLockDays, 1, most, ', below maxLockDays');
  }
  const bounds = lockBounds(given);
  checkRetention('retentionDays', retentionDays, bounds, problems);
  problems.require(
    lockMode !== 'COMPLIANCE' ||
      bounds.maxLockDays <= ORDINARY_LOCK_DAYS ||
      acknowledgeLongLocks !== false,
    'maxLockDays',
    maxLockDays,
    `Give ${ORDINARY_LOCK_DAYS} at most, or acknowledgeLongLocks: true as well: under COMPLIANCE nobody, AWS included, can end a lock or its costs, but by closing the account.`,
  );
}

/** The bounds as far as they are right; a wrong one is named in its own place, and the default stands for it. */
export function lockBounds(given: {
  readonly minLockDays?: unknown;
  readonly maxLockDays?: unknown;
}): LockBounds {
  const least = LOCK_DEFAULTS.minLockDays + APART_DAYS;
  const maxLockDays = isWhole(given.maxLockDays, least, LONGEST_LOCK_DAYS)
    ? given.maxLockDays
    : LOCK_DEFAULTS.maxLockDays;
  const minLockDays = isWhole(given.minLockDays, 1, maxLockDays - APART_DAYS)
    ? given.minLockDays
    : LOCK_DEFAULTS.minLockDays;
  return { minLockDays, maxLockDays };
}

/** Checks a retention, whosever it is: there is one range for the environment's and for a cluster's. */
export function checkRetention(
  property: string,
  days: unknown,
  { minLockDays, maxLockDays }: LockBounds,
  problems: Problems,
): void {
  const least = minLockDays + ABOVE_LEAST_DAYS;
  const most = maxLockDays - BELOW_MOST_DAYS;
  const why = `: the vault takes locks of ${minLockDays} to ${maxLockDays} days, and a lock may be a day longer or two shorter`;
  const other = isWhole(days, most + 1, LONGEST_LOCK_DAYS - BELOW_MOST_DAYS)
    ? '. Or raise maxLockDays'
    : minLockDays > 1 && isWhole(days, LOCK_DEFAULTS.minLockDays + ABOVE_LEAST_DAYS, least - 1)
      ? '. Or lower minLockDays'
      : '';
  problems.requireInteger(property, days, least, most, `${why}${other}`);
}
