import type { ClusterOptions } from '../../../contract/cluster-options.ts';
import type { ChosenSource } from './choose-source.ts';
import { connectionError, whereabouts } from './connection-error.ts';
import { type Survey, surveyServer } from './survey.ts';

type Allowed = Pick<ClusterOptions, 'maxReplayLagSeconds' | 'unknownLag'>;

/**
 * Whether a replica has fallen behind since it was chosen: a dump of hours may keep replay waiting, and then
 * the next snapshot shows what was hours ago.
 *
 * @param at what the server said just before the snapshot.
 * @returns the warning; `undefined` if it is as new as it has to be.
 * @throws HoldfastError SOURCE_UNREACHABLE
 */
export async function fallenBehind(
  source: ChosenSource,
  at: Survey,
  database: string,
  allowed: Allowed,
): Promise<string | undefined> {
  const { server } = source;
  if (!isBehind(at, allowed)) return undefined;
  // What has just arrived, after hours in which nothing did, is replayed by now.
  const now = await surveyServer(server).catch((error: unknown) => {
    throw connectionError(error, server);
  });
  if (!isBehind(now, allowed)) return undefined;
  return `The dump of the database ${database} shows ${whereabouts(server)} as it was ${Math.round(at.replayLagSeconds ?? 0)} s behind its primary; ${allowed.maxReplayLagSeconds} s are allowed. Replay has fallen behind since the backup began: mostly it waits for another dump, which hot_standby_feedback=on spares it.`;
}

function isBehind(
  { inRecovery, replayLagSeconds: lag, lagProbe }: Survey,
  { maxReplayLagSeconds, unknownLag }: Allowed,
): boolean {
  if (!inRecovery || lag === undefined || lag <= maxReplayLagSeconds) return false;
  // As when it was chosen: of an archive it is not known.
  return lagProbe !== 'archive' || unknownLag !== 'accept';
}
