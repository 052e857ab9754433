import { EnvironmentName } from '../contract/names.ts';
import type { Problems } from './environment-problems.ts';

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

/** @param emails what is given, if anything. */
export function checkAlarm(emails: unknown, problems: Problems): void {
  if (emails === undefined) return;
  problems.requireEach(
    'alarmEmails',
    emails,
    /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
    'Give a mail address, such as ops@example.com.',
    'List mail addresses, such as ["ops@example.com"], or leave it out.',
  );
}
