import type { Problems } from './environment-problems.ts';

/** What is said to people, and how often a backup is tried again: of an environment, or of `PostgresBackups`. */
export interface NotificationOptions {
  /**
   * Who is told what went wrong: mail addresses, and `https://` URLs, each of which has to confirm its
   * subscription once.
   * @default - nobody, of which synth warns
   */
  readonly notify?: readonly string[];
  /**
   * How often a backup that failed is started again by itself, at most, where that may help. 0 to 5.
   * @default 2
   */
  readonly maxRetries?: number;
  /**
   * Pause between a failed backup and the next attempt; doubled for each further one. Minutes, 5 to
   * 240.
   * @default 10
   */
  readonly retryAfterMinutes?: number;
}

export const NOTIFICATION_DEFAULTS = {
  notify: [] as readonly string[],
  maxRetries: 2,
  retryAfterMinutes: 10,
};

const RECEIVER = /^([^\s@,]+@[^\s@,]+\.[^\s@,]+|https:\/\/[^\s/]+(\/\S*)?)$/;

export function checkNotifications(given: NotificationOptions, problems: Problems): void {
  const { notify, maxRetries, retryAfterMinutes } = given;
  if (notify !== undefined) {
    problems.requireEach(
      'notify',
      notify,
      RECEIVER,
      'Give a mail address, such as ops@example.com, or an https:// URL.',
      "List mail addresses and https:// URLs: ['ops@example.com'].",
    );
  }
  if (maxRetries !== undefined) problems.requireInteger('maxRetries', maxRetries, 0, 5);
  if (retryAfterMinutes !== undefined) {
    // Lambda's own retries of a notification take three minutes: a schedule has to be there that long.
    problems.requireInteger('retryAfterMinutes', retryAfterMinutes, 5, 240);
  }
}
