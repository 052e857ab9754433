/**
 * The thread that watches over the spool. It is a thread of its own because the main one has other
 * work: its turns can take long enough for a dump to fill a small spool between two looks.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { asHoldfastError } from '../../../contract/errors.ts';
import { assertRoom } from './disk-room.ts';
import type { GuardOrder, GuardReport, GuardSettings } from './spool-guard.ts';
import { SpoolUse } from './spool-use.ts';
import { Throttle } from './throttle.ts';

/** Shortest and longest pause between two looks, ms. */
const LOOK_AT_LEAST_MS = 4;
const LOOK_AT_MOST_MS = 20;
/** What a dump may write at the most, bytes a millisecond. */
const FASTEST_WRITER = 1_000_000;
/** A look may take a tenth of the time, however many files there are. */
const PAUSE_PER_LOOK = 9;

const { directory, limits, peak } = workerData as GuardSettings;
const report = new Float64Array(peak);
const throttle = new Throttle(limits);
const use = new SpoolUse(directory);
const watched = new Map<number, string | undefined>();
let ended = false;
let wake: () => void = () => {};

parentPort?.on('message', (order: GuardOrder) => {
  if (order.kind === 'end') ended = true;
  else if (order.kind === 'watch') {
    watched.set(order.group, order.apart);
    throttle.watch(order.group, order.writers);
  } else {
    watched.delete(order.group);
    throttle.release(order.group);
  }
  wake();
});

/** @returns how long to wait before the next look, ms. */
function look(): number {
  const began = performance.now();
  // A run with such a file has one dump.
  const [apart] = [...watched.values()].filter((path) => path !== undefined);
  const { usedBytes, apartBytes, writtenBytes } = use.look(apart);
  throttle.update(usedBytes, writtenBytes, apartBytes);
  if (apart !== undefined) assertRoom(directory, apartBytes);
  report.set([throttle.peakBytes]);
  const untilFull = throttle.room(usedBytes) / 2 / FASTEST_WRITER;
  return Math.max(
    Math.min(Math.max(untilFull, LOOK_AT_LEAST_MS), LOOK_AT_MOST_MS),
    (performance.now() - began) * PAUSE_PER_LOOK,
  );
}

try {
  while (!ended) {
    if (watched.size > 0) await sleep(look());
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
} catch (error) {
  parentPort?.postMessage(asHoldfastError(error).toJSON() satisfies GuardReport);
} finally {
  throttle.resume();
  parentPort?.close();
}
