import { EnvironmentName, LOCK_MODES } from '../contract/names.ts';
import type { Environment } from './environment.ts';
import type { Problems } from './environment-problems.ts';

/** S3 itself takes up to 100 years. */
const LONGEST_LOCK_DAYS = 36_500;

/** Beyond that, and under COMPLIANCE, a lock has to be meant. */
const ORDINARY_LOCK_DAYS = 400;

/** @param property what the environment's name is called where it is given. */
export function checkVaultNames(
  property: string,
  name: unknown,
  bucketName: unknown,
  problems: Problems,
): void {
  problems.require(
    EnvironmentName.safeParse(name).success,
    property,
    name,
    'Give 1 to 20 characters out of a-z, 0-9 and -; in a file, those of its name.',
  );
  if (bucketName !== undefined) {
    problems.requireText(
      'bucketName',
      bucketName,
      /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
      'Give 3 to 63 characters out of a-z, 0-9 and -, or leave it out for a name made from the account.',
    );
  }
}

type Locks = Pick<
  Environment,
  'lockMode' | 'retentionDays' | 'minLockDays' | 'maxLockDays' | 'acknowledgeLongLocks'
>;

export function checkLocks(given: Locks, problems: Problems): void {
  const { lockMode, retentionDays, minLockDays, maxLockDays, acknowledgeLongLocks } = given;
  const before = problems.found.length;
  if (lockMode !== undefined) problems.requireOneOf('lockMode', lockMode, LOCK_MODES);
  problems.requireInteger('retentionDays', retentionDays, 2, LONGEST_LOCK_DAYS);
  if (minLockDays !== undefined) {
    problems.requireInteger('minLockDays', minLockDays, 1, LONGEST_LOCK_DAYS);
  }
  if (maxLockDays !== undefined) {
    problems.requireInteger('maxLockDays', maxLockDays, 3, LONGEST_LOCK_DAYS);
  }
  if (acknowledgeLongLocks !== undefined) {
    problems.requireBoolean('acknowledgeLongLocks', acknowledgeLongLocks);
  }
  // Whether days go together can be asked of good ones only.
  if (problems.found.length === before) checkBounds(given, problems);
}

function checkBounds(given: Locks, problems: Problems): void {
  const { retentionDays, minLockDays = 1, maxLockDays = ORDINARY_LOCK_DAYS } = given;
  const { lockMode = 'COMPLIANCE', acknowledgeLongLocks = false } = given;
  // The bucket's own lock, of objects that come without one, is bound by nothing else.
  problems.require(
    retentionDays >= minLockDays && retentionDays <= maxLockDays,
    'retentionDays',
    retentionDays,
    `Give a number of days from minLockDays to maxLockDays: from ${minLockDays} to ${maxLockDays}.`,
  );
  problems.require(
    lockMode !== 'COMPLIANCE' || maxLockDays <= ORDINARY_LOCK_DAYS || acknowledgeLongLocks,
    'maxLockDays',
    maxLockDays,
    `Give ${ORDINARY_LOCK_DAYS} at most, or acknowledgeLongLocks: true as well: under COMPLIANCE nobody, AWS included, can end a lock or its costs, but by closing the account.`,
  );
}

/** @param emails what is given, if anything. */
export function checkAlarm(emails: unknown, problems: Problems): void {
  if (emails === undefined) return;
  problems.require(
    Array.isArray(emails) &&
      emails.every((one) => typeof one === 'string' && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(one)),
    'alarmEmails',
    emails,
    'List mail addresses, such as ["ops@example.com"], or leave it out.',
  );
  if (Array.isArray(emails)) problems.requireUnique('alarmEmails[]', emails, 'Give each once.');
}
