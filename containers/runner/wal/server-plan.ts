import { HoldfastError } from '../../../contract/errors.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { WalSource } from './find-wal-server.ts';
import { planStream, type StreamPlan } from './plan-stream.ts';
import type { Reached } from './vault-reached.ts';

/**
 * Where to begin on a server, given up to where the vault has WAL.
 *
 * @throws HoldfastError SOURCE_CHANGED for one that is on an older timeline than the vault
 */
export function planOn(source: WalSource, reached: Reached | undefined): StreamPlan {
  const facts = { ...factsOf(source), slot: source.slot.restartLsn, vault: reached };
  const plan = planStream(facts);
  if (plan === undefined) throw leftBehind(source, reached);
  return plan;
}

/** Where to begin on a server, of whose WAL before its slot's nothing is to be had. */
export function planFrom(source: WalSource, slot: bigint): StreamPlan {
  const plan = planStream({ ...factsOf(source), vault: undefined, slot });
  if (plan === undefined) throw leftBehind(source);
  return plan;
}

function factsOf({ segmentBytes, timeline, history }: WalSource) {
  return { segmentBytes, timeline, history };
}

/** Where it is said how the older of two timelines is gone on with. */
const RIGHT_ONE = 'docs/notifications.md says how, under two primaries';

function leftBehind({ server, timeline }: WalSource, reached?: Reached): HoldfastError {
  return new HoldfastError(
    'SOURCE_CHANGED',
    `${whereabouts(server)} is on timeline ${timeline}, which the vault has left for ${reached?.timeline}.`,
    {
      hint: `It is not streamed from. An old primary that came back has to be made a standby of the new one. If this one is the right one (because another was promoted by mistake, or it was put back to an older state), it has to be promoted onto a timeline that the vault does not have, and needs a base backup then: ${RIGHT_ONE}.`,
    },
  );
}
