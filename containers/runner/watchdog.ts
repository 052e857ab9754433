import { HoldfastError } from '../../contract/errors.ts';
import type { Log } from './log.ts';

const MINUTE_MS = 60_000;
/** How often the log says how far the run has come. */
const REPORT_EVERY_MS = 30_000;

export interface WatchdogOptions {
  readonly maxDurationMinutes: number;
  readonly stallMinutes: number;
  /** Parts uploaded so far. */
  readonly parts: () => number;
  /** Rises while the run rightly waits for its source. */
  readonly waited: () => number;
  readonly log: Log;
  /** Ends the run. */
  readonly abort: (reason: HoldfastError) => void;
}

/**
 * Ends a run that takes too long or stands still, and says in the log how far it has come.
 *
 * @returns what stops the watch.
 */
export function watch(options: WatchdogOptions): () => void {
  const { maxDurationMinutes, stallMinutes, log, abort } = options;
  const moved = () => options.parts() + options.waited();
  const started = performance.now();
  let seen = moved();
  let movedAt = started;
  let reportedAt = started;
  const timer = setInterval(
    () => {
      const now = performance.now();
      const soFar = moved();
      if (soFar !== seen) [seen, movedAt] = [soFar, now];
      if (now - reportedAt >= REPORT_EVERY_MS) {
        reportedAt = now;
        log.info('progress', {
          parts: options.parts(),
          seconds: Math.round((now - started) / 1000),
        });
      }
      if (now - started > maxDurationMinutes * MINUTE_MS) abort(tooLong(maxDurationMinutes));
      else if (now - movedAt > stallMinutes * MINUTE_MS) abort(stalled(stallMinutes));
    },
    Math.min(1_000, (Math.min(maxDurationMinutes, stallMinutes) * MINUTE_MS) / 4),
  );
  return () => clearInterval(timer);
}

function tooLong(minutes: number): HoldfastError {
  return new HoldfastError('DEADLINE_EXCEEDED', `The run took longer than ${minutes} minutes.`, {
    hint: 'Raise maxDurationMinutes, give the task more vCPUs or jobs, or look at what slows the source down.',
  });
}

function stalled(minutes: number): HoldfastError {
  return new HoldfastError('STALLED', `Nothing was uploaded for ${minutes} minutes.`, {
    hint: 'Look for locks on the source and for a hanging connection; raise stallMinutes where long pauses are normal.',
  });
}
