import { EnvironmentName, LOCK_MODES } from '../contract/names.ts';
import type { Environment } from './environment.ts';
import type { Problems } from './environment-problems.ts';

/** S3 itself takes up to 100 years. */
const LONGEST_LOCK_DAYS = 36_500;

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

type Locks = Pick<Environment, 'lockMode' | 'retentionDays' | 'minLockDays' | 'maxLockDays'>;

export function checkLocks(given: Locks, problems: Problems): void {
  if (given.lockMode !== undefined) problems.requireOneOf('lockMode', given.lockMode, LOCK_MODES);
  problems.requireInteger('retentionDays', given.retentionDays, 2, LONGEST_LOCK_DAYS);
  if (given.minLockDays !== undefined) {
    problems.requireInteger('minLockDays', given.minLockDays, 1, LONGEST_LOCK_DAYS);
  }
  if (given.maxLockDays !== undefined) {
    problems.requireInteger('maxLockDays', given.maxLockDays, 3, LONGEST_LOCK_DAYS);
  }
}
