/** Positions in the WAL, as PostgreSQL prints them. */
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
   * @param parentStop where the parent's WAL ends.
   */
  static from(stderr: string, parentStop: string | undefined): TooEarly | undefined {
    if (parentStop === undefined) return undefined;
    const line = stderr.split('\n').find((one) => {
      const named = one.match(LSN) ?? [];
      return named.length === 2 && named[0] === parentStop;
    });
    return line === undefined ? undefined : new TooEarly(line);
  }
}
