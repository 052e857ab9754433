import type { CommonPoint } from '../../../contract/manifest-source.ts';
import type { Log } from '../log.ts';
import type { ChosenSource } from './choose-source.ts';
import { whereabouts } from './connection-error.ts';
import { assertStillPaused, pauseReplay, type ReplayPause, resumeReplay } from './replay-pause.ts';
import type { Survey } from './survey.ts';
import { verifyUnchanged } from './verify-unchanged.ts';

export interface CommonPointOptions {
  readonly source: ChosenSource;
  /** Whether replay is to be paused. A primary has none. */
  readonly wanted: boolean;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What came of the work, and what went wrong after it. */
export interface AtCommonPoint<T> {
  readonly result: T;
  readonly commonPoint: CommonPoint | null;
  readonly warnings: readonly string[];
}

/**
 * Does the work while replay stands still, so that all that is dumped shows one point; replay goes on
 * whatever comes of it.
 *
 * @throws HoldfastError SOURCE_RIGHTS, SOURCE_NOT_PAUSED, SOURCE_CHANGED, and what the work throws
 */
export async function atCommonPoint<T>(
  { source, wanted, signal, log }: CommonPointOptions,
  work: (pause: ReplayPause | undefined) => Promise<T>,
): Promise<AtCommonPoint<T>> {
  if (!wanted || !source.survey.inRecovery) {
    return { result: await work(undefined), commonPoint: null, warnings: [] };
  }
  const { server } = source;
  const pause = await pauseReplay(server, signal);
  const { lsn } = pause;
  const pausedAt = pause.askedAt.toISOString();
  log.info('replay paused', { server: whereabouts(server), lsn });
  const warnings: string[] = [];
  try {
    const result = await work(pause);
    assertStillPaused(server, pause, (await verifyUnchanged(source)).lsn);
    return { result, commonPoint: { lsn, pausedAt }, warnings };
  } finally {
    const failure = await resumeReplay(server);
    if (failure === undefined) log.info('replay resumed', { server: whereabouts(server) });
    else {
      const warning = `Replay on ${whereabouts(server)} could not be resumed: SELECT pg_wal_replay_resume() on it. ${failure.message}`;
      log.error('replay left paused', { warning });
      warnings.push(warning);
    }
  }
}

/** How a snapshot's lag is counted while replay stands still: from when it was paused. */
export function lagUnder(pause: ReplayPause, takenAt: Date, survey: Survey): Survey {
  const { askedAt, replayLagSeconds: lag } = pause;
  const since = Math.max(0, (takenAt.getTime() - askedAt.getTime()) / 1000);
  return { ...survey, replayLagSeconds: lag === undefined ? undefined : since + lag };
}
