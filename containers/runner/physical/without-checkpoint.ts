/** What a checkpoint may take beyond its time, ms. */
const MARGIN_MS = 30_000;

export interface NoCheckpoint {
  /** Since a checkpoint was first waited for, ms. */
  readonly waitedMs: number;
  /** The server's `checkpoint_timeout`, ms. */
  readonly timeoutMs: number;
  /** Whether a transaction has ended since the parent was begun. */
  readonly committed: () => Promise<boolean>;
}

/**
 * What becomes of a backup for which there has been no checkpoint since its parent's end. Where something
 * was written, one begins within its time, and may take as long again; but none is made for what was
 * written while the one before was under way. So only where no transaction has ended it is `unchanged`.
 */
export async function withoutCheckpoint({
  waitedMs,
  timeoutMs,
  committed,
}: NoCheckpoint): Promise<'wait' | 'unchanged' | 'full'> {
  if (waitedMs <= timeoutMs + MARGIN_MS) return 'wait';
  if (!(await committed())) return 'unchanged';
  return waitedMs <= 2 * timeoutMs + MARGIN_MS ? 'wait' : 'full';
}
