import type { Log } from '../log.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { WalServer, WalSource } from './find-wal-server.ts';
import type { WalProgress } from './wal-progress.ts';

export interface TellOptions {
  readonly log: Log;
  readonly progress: WalProgress;
  /** Of whom the log has it already. */
  readonly told: Set<string>;
}

/**
 * Tells it where a server that is not streamed from answers as a primary, beside one that is. Each writes what the
 * other has not, and the vault gets one's alone. On one timeline they are one server under two names.
 *
 * @param other of the same system.
 */
export function tellTwoPrimaries(
  other: WalServer,
  source: WalSource,
  { log, progress, told }: TellOptions,
): void {
  if (other.inRecovery || source.inRecovery || other.timeline === source.timeline) return;
  progress.twoPrimaries = true;
  const where = whereabouts(other.server);
  if (told.has(where)) return;
  told.add(where);
  log.error('two primaries', {
    streamed: whereabouts(source.server),
    timeline: source.timeline,
    other: where,
    otherTimeline: other.timeline,
    hint: `What ${where} writes does not get into the vault; its slot holds it, up to max_slot_wal_keep_size. Find out which of the two is the right one, and stop the other: docs/notifications.md has both ways.`,
  });
}
