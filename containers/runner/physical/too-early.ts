import { parseLsn } from '../../../contract/wal-segments.ts';
import type { Survey } from '../source/survey.ts';

/** Positions in the WAL, as PostgreSQL prints them: newer minor versions with leading zeros. */
const LSN = /\b[0-9A-F]{1,8}\/[0-9A-F]{1,8}\b/g;

/**
 * A standby begins a backup at its last restartpoint, and that lies before the parent's end: on a quiet
 * primary there has been no checkpoint since.
 */
export class TooEarly extends Error {
  private constructor(line: string) {
    super(line);
  }

  /**
   * By the positions that the server names, because its words are in its language; `undefined` where that
   * is not why pg_basebackup ended.
   *
   * @param parentStop where the parent's WAL ends, if the source will come there.
   */
  static from(stderr: string, parentStop: string | undefined): TooEarly | undefined {
    if (parentStop === undefined) return undefined;
    const line = stderr.split('\n').find((one) => {
      const named = one.match(LSN) ?? [];
      return named.length === 2 && parseLsn(named[0] ?? '') === parseLsn(parentStop);
    });
    return line === undefined ? undefined : new TooEarly(line);
  }
}

/**
 * Where a source only has to come to before a backup of it can rest on a parent: it is a standby on the
 * timeline that the parent ends on. One that has left that before the parent's end, which so was taken of what
 * was given up with a failover or a restore, is told of in as many positions, and never gets there.
 */
export function comesTo(
  { inRecovery, timeline }: Pick<Survey, 'inRecovery' | 'timeline'>,
  stop: { readonly lsn: string; readonly timeline: number },
): string | undefined {
  return inRecovery && timeline === stop.timeline ? stop.lsn : undefined;
}
