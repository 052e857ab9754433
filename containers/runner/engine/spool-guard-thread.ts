/**
 * The thread that watches over the spool. It is a thread of its own because the main one encrypts:
 * its turns take long enough for a dump to fill a small spool between two looks.
 */
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { asHoldfastError } from '../../../contract/errors.ts';
import type { GuardOrder, GuardReport } from './spool-guard.ts';
import { Throttle } from './throttle.ts';

/** Shortest pause between two looks, ms. */
const LOOK_EVERY_MS = 4;
/** A look may take a tenth of the time, however many files there are. */
const PAUSE_PER_LOOK = 9;

const { directory, group, limits } = workerData as GuardOrder;
const throttle = new Throttle(group, limits);
let ended = false;
parentPort?.on('message', () => {
  ended = true;
});

function usedBytes(): number {
  try {
    return readdirSync(directory)
      .map((name) => statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.blocks ?? 0)
      .reduce((total, blocks) => total + blocks * 512, 0);
  } catch (error) {
    // Removed: the run is over.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function report(failure?: unknown): void {
  const { peakBytes, pausedSeconds } = throttle;
  const failed = failure === undefined ? {} : { failure: asHoldfastError(failure).toJSON() };
  parentPort?.postMessage({ peakBytes, pausedSeconds, ...failed } satisfies GuardReport);
}

try {
  while (!ended) {
    const began = performance.now();
    throttle.update(usedBytes());
    await sleep(Math.max(LOOK_EVERY_MS, (performance.now() - began) * PAUSE_PER_LOOK));
  }
  throttle.resume();
  report();
} catch (error) {
  throttle.resume();
  report(error);
} finally {
  parentPort?.close();
}
