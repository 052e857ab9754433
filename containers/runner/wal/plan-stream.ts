import type { TimelineSwitch } from '../../../contract/timeline-history.ts';
import { segmentAt, segmentStart } from '../../../contract/wal-segments.ts';

/** What is known when a stream is about to begin. */
export interface StreamFacts {
  readonly segmentBytes: number;
  /** Of the server. */
  readonly timeline: number;
  /** Where that timeline comes from: its ancestors, oldest first. */
  readonly history: readonly TimelineSwitch[];
  /** Up to where the vault has WAL, on the latest timeline that it has any of. */
  readonly vault: { readonly timeline: number; readonly end: bigint } | undefined;
  /** What the slot holds on the server. */
  readonly slot: bigint;
}

/** Where to begin. */
export interface StreamPlan {
  readonly timeline: number;
  /** A segment's beginning. */
  readonly start: bigint;
  /** Up to where the vault has all that it is to have: at first, nothing at all. */
  readonly durable: bigint;
  /** The timeline's own WAL begins here; before it there is what its parent had. */
  readonly own: bigint;
}

/**
 * Chooses timeline and position: where the vault's WAL ends, or where the server has left that timeline,
 * whichever comes first. What lies behind the switch belongs to no history of this server's. A server that was put back to
 * before the vault's timeline began is on a later one, and what it has that is later counts from its beginning. Pure.
 *
 * @returns `undefined` for a server on an older timeline than the vault's: an old primary that came back.
 */
export function planStream(facts: StreamFacts): StreamPlan | undefined {
  const { segmentBytes, timeline, history, vault, slot } = facts;
  const aligned = (lsn: bigint): bigint => segmentStart(segmentAt(lsn, segmentBytes), segmentBytes);
  if (vault === undefined) {
    const left = history.find(({ switchLsn }) => switchLsn > slot);
    const on = left?.timeline ?? timeline;
    const start = aligned(slot);
    return { timeline: on, start, durable: start, own: ownFrom(facts, on) };
  }
  if (vault.timeline === timeline) {
    return {
      timeline,
      start: aligned(vault.end),
      durable: vault.end,
      own: ownFrom(facts, timeline),
    };
  }
  if (vault.timeline > timeline) return undefined;
  const at = history.findIndex((one) => one.timeline === vault.timeline);
  const left = history[at];
  if (left === undefined) {
    // It may have been promoted more than once since: none of its timelines is in the vault yet.
    const first = history.find((one) => one.timeline > vault.timeline)?.timeline ?? timeline;
    const own = ownFrom(facts, first);
    return { timeline: first, start: aligned(own), durable: own, own };
  }
  if (vault.end < left.switchLsn) {
    const on = vault.timeline;
    return { timeline: on, start: aligned(vault.end), durable: vault.end, own: ownFrom(facts, on) };
  }
  const next = history[at + 1]?.timeline ?? timeline;
  const { switchLsn } = left;
  return { timeline: next, start: aligned(switchLsn), durable: switchLsn, own: switchLsn };
}

/** Where a timeline of a server's history begins; 0 of the first. */
export function ownFrom(
  { history, timeline }: Pick<StreamFacts, 'history' | 'timeline'>,
  of: number,
): bigint {
  const at = of === timeline ? history.length : history.findIndex((one) => one.timeline === of);
  return history[at - 1]?.switchLsn ?? 0n;
}
