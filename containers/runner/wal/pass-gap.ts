import { HoldfastError } from '../../../contract/errors.ts';
import type { WalRange } from '../../../contract/wal-coverage.ts';
import { formatLsn } from '../../../contract/wal-segments.ts';
import { readWalCatalog } from '../../../vault/wal/wal-catalog.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';
import type { Log } from '../log.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { WalSource } from './find-wal-server.ts';
import type { StreamPlan } from './plan-stream.ts';
import { planFrom } from './server-plan.ts';
import { replaceSlot } from './slots.ts';
import type { Reached } from './vault-reached.ts';
import type { WalProgress } from './wal-progress.ts';

export interface PassGapOptions {
  readonly slotName: string;
  readonly vault: Pick<WalVault, 's3' | 'bucket' | 'cluster'>;
  readonly log: Log;
  readonly progress: WalProgress;
}

export interface PassedGap {
  /** Up to where the vault counts as having WAL now. */
  readonly reached: Reached;
  /** Where to go on. @default where the vault has reached */
  readonly plan?: StreamPlan;
}

/**
 * Goes on behind WAL that the server has removed and the vault has not, and tells the hole: behind what the
 * vault has beyond it; else where the slot holds WAL; else at the server's end, with a new slot.
 *
 * @throws HoldfastError SOURCE_CHANGED where another server may still have it
 */
export async function passGap(
  options: PassGapOptions,
  source: WalSource,
  plan: StreamPlan,
): Promise<PassedGap> {
  if (source.inRecovery && source.refused.size > 0) throw heldElsewhere(source, plan);
  const reached = await beyond(options, source, plan);
  if (reached !== undefined) return { reached };
  // What the slot holds is there, unless that is what was asked for.
  const held = planFrom(source, source.slot.restartLsn);
  const isHeld = held.start > plan.durable;
  const fresh = isHeld
    ? held
    : planFrom(source, (await replaceSlot(source.server, options.slotName)).restartLsn);
  tellGap(options, source, plan.timeline, { from: plan.durable, to: fresh.start });
  return { reached: { timeline: fresh.timeline, end: fresh.start }, plan: fresh };
}

/** Where WAL ends that the vault has beyond the hole: who begins anew there leaves out no more than that. */
async function beyond(
  options: PassGapOptions,
  source: WalSource,
  { timeline, durable }: StreamPlan,
): Promise<Reached | undefined> {
  const { vault } = options;
  const { segmentBytes } = source;
  const { timelines } = await readWalCatalog(vault, vault.cluster, {
    segmentBytes,
    timelines: [timeline],
  });
  const ranges = timelines[0]?.ranges.filter(({ from }) => from > durable) ?? [];
  const last = ranges.at(-1);
  if (last === undefined) return undefined;
  let from = durable;
  for (const range of ranges) {
    tellGap(options, source, timeline, { from, to: range.from });
    from = range.to;
  }
  return { timeline, end: last.to };
}

function tellGap(
  { log, progress }: PassGapOptions,
  { segmentBytes }: WalSource,
  timeline: number,
  { from, to }: WalRange,
): void {
  log.error('wal gap', {
    ...{ timeline, from: formatLsn(from), to: formatLsn(to), segmentBytes },
    hint: 'Take a base backup now: no recovery can pass this gap, and points in time after it need a backup that begins after it. Raise max_slot_wal_keep_size, or find out why the streamer was away.',
  });
  progress.gap();
}

/** A server that cannot be asked, the primary above all, may still hold what a standby has removed. */
function heldElsewhere({ server }: WalSource, { durable }: StreamPlan): HoldfastError {
  return new HoldfastError(
    'SOURCE_CHANGED',
    `The standby ${whereabouts(server)} has no WAL from ${formatLsn(durable)} on any more.`,
    {
      hint: 'Another server may have it, which could not be streamed from: it is waited for. If it is gone for good, promote the standby, or take the URI of the one that is gone out of the secret.',
    },
  );
}
