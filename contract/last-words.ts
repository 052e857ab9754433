import { z } from 'zod';

/** The event of the runner's log that tells that, and why, it failed. */
export const TASK_FAILED = 'task failed';

/** What the runner said last: one line of its log. Other versions may say more. */
const LastWords = z.object({
  event: z.literal(TASK_FAILED),
  /** An error code, maybe one that this version does not know. */
  code: z.string().regex(/^[A-Z_]{1,40}$/),
  message: z.string(),
  /** What to do next. */
  hint: z.string(),
  retryable: z.boolean(),
});
export type LastWords = z.infer<typeof LastWords>;

/** The runner's last words among lines of its log, oldest first; `undefined` if it did not say any. */
export function lastWordsIn(lines: readonly string[]): LastWords | undefined {
  for (const line of lines.toReversed()) {
    if (!line.includes(TASK_FAILED)) continue;
    try {
      return LastWords.parse(JSON.parse(line));
    } catch {
      // A line of some other program that quotes the words.
    }
  }
  return undefined;
}
