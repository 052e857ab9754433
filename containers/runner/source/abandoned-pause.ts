import { setTimeout as sleep } from 'node:timers/promises';
import { takeBackupLock } from './backup-lock.ts';
import { whereabouts } from './connection-error.ts';
import { resumeReplay } from './replay-pause.ts';
import type { Server } from './server.ts';
import { type Survey, surveyServer } from './survey.ts';

/** How long a replica may take to catch up, once replay goes on. */
const CATCH_UP_MS = 60_000;
const POLL_MS = 500;

/**
 * Resumes replay that a run which was killed has left paused, and waits until the replica is new
 * enough, or until it is clear that it takes longer: then it is refused for its lag, and the next run
 * finds it new. A run that lives holds the backups' lock, and its pause is left alone.
 *
 * @returns what the server says then, and what was done; `undefined` if nothing was.
 * @throws HoldfastError SOURCE_UNREACHABLE
 */
export async function takeUpReplay(
  server: Server,
  maxReplayLagSeconds: number,
): Promise<{ readonly survey: Survey; readonly notes: readonly string[] } | undefined> {
  const lock = await takeBackupLock(server);
  try {
    if (lock.heldBy !== undefined) return undefined;
    const failure = await resumeReplay(server);
    if (failure !== undefined) throw failure;
    const notes = [
      `Replay on ${whereabouts(server)} was found paused, with no backup running: it was resumed.`,
    ];
    const deadline = Date.now() + CATCH_UP_MS;
    for (;;) {
      const survey = await surveyServer(server);
      const lag = survey.replayLagSeconds;
      if ((lag !== undefined && lag <= maxReplayLagSeconds) || Date.now() > deadline) {
        return { survey, notes };
      }
      await sleep(POLL_MS);
    }
  } finally {
    await lock.release();
  }
}
