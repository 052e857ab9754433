import { asHoldfastError } from '../../../contract/errors.ts';
import type { Log } from '../log.ts';
import type { ChosenSource } from '../source/choose-source.ts';
import { inSession } from '../source/in-session.ts';

/** How often the log says how far a base backup has come; and how often that is asked until it sends. Milliseconds. */
const TELL_EVERY_MS = 30_000;
const ASK_EVERY_MS = 2_000;

/** While the server makes the checkpoint that a backup begins with, which takes minutes where it is spread. */
const CHECKPOINT = 'waiting for checkpoint to finish';

/**
 * Of the session of ours that sends; pg_basebackup has the server estimate the total. A role sees its own.
 *
 * @see https://www.postgresql.org/docs/current/progress-reporting.html#BASEBACKUP-PROGRESS-REPORTING
 */
const PROGRESS = `
  select phase, backup_streamed::float8 as bytes, backup_total::float8 as total
    from pg_stat_progress_basebackup join pg_stat_activity using (pid)
   where application_name = $1`;

export interface TellProgressOptions {
  readonly source: Pick<ChosenSource, 'server'>;
  readonly log: Log;
  /** Of an incremental backup the server estimates what a full one would be: no part of it can be told. */
  readonly full: boolean;
  /** Called now and then while the server makes a checkpoint, before which it sends nothing. */
  readonly waits?: () => void;
  /** @default 30 seconds */
  readonly everyMs?: number;
}

/**
 * Has the log say how far the server has come with sending a base backup: its phase whenever that is
 * another one, and while it sends, bytes before compression, what that is of its estimate, and how fast it
 * was since it was last told.
 *
 * @returns ends it.
 */
export function tellProgress(options: TellProgressOptions): () => void {
  const { log, everyMs = TELL_EVERY_MS } = options;
  const began = performance.now();
  let before = { phase: '', bytes: 0, at: began };
  let ended = false;
  const tell = ({ phase, bytes, totalBytes }: SentSoFar): void => {
    const at = performance.now();
    if (phase === before.phase && at - before.at < everyMs) return;
    log.info('base backup progress', {
      ...{ phase, bytes, totalBytes, percent: percentOf(bytes, totalBytes) },
      bytesPerSecond: Math.round((bytes - before.bytes) / ((at - before.at) / 1000)),
      seconds: Math.round((at - began) / 1000),
    });
    before = { phase, bytes, at };
  };
  const look = async (): Promise<void> => {
    try {
      // None before it has begun, and between two tries.
      const found = await askProgress(options);
      if (found !== undefined && !ended) tell(found);
      if (found?.phase === CHECKPOINT) options.waits?.();
    } catch (error) {
      const { code, message: reason } = asHoldfastError(error);
      if (!ended) log.warn('base backup progress not known', { code, reason });
    }
    const pause = before.bytes > 0 ? everyMs : Math.min(everyMs, ASK_EVERY_MS);
    if (!ended) timer = setTimeout(() => void look(), pause);
  };
  let timer = setTimeout(() => void look(), Math.min(everyMs, ASK_EVERY_MS));
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

interface SentSoFar {
  readonly phase: string;
  readonly bytes: number;
  /** `null`: there is no estimate, or not yet. */
  readonly totalBytes: number | null;
}

async function askProgress({ source, full }: TellProgressOptions): Promise<SentSoFar | undefined> {
  return await inSession(source.server, async (client) => {
    const { rows } = await client.query(PROGRESS, [source.server.applicationName]);
    const row = rows[0];
    if (row === undefined) return undefined;
    // Unknown to a role that is not the session's own.
    return {
      phase: row.phase ?? 'unknown',
      bytes: row.bytes ?? 0,
      totalBytes: full && row.total > 0 ? row.total : null,
    };
  });
}

function percentOf(bytes: number, totalBytes: number | null): number | null {
  return totalBytes === null ? null : Math.floor((bytes / totalBytes) * 100);
}
