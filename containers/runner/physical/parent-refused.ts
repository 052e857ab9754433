/** What pg_basebackup says of itself, in English; what the server says stands behind it. */
const SAID = /could not (?:initiate base backup|upload manifest): (.*)/;
/** Then it was not about the parent. */
const CONNECTION = /closed the connection|terminating|could not (send|receive)|shutting down/;

/**
 * The server does not take the parent: it is from a history that this server does not have, or the server
 * lacks the WAL summaries that lead on from it.
 */
export class ParentRefused extends Error {
  /** `undefined` where that is not why pg_basebackup ended. */
  static from(stderr: string): ParentRefused | undefined {
    const [line, why = ''] = SAID.exec(stderr) ?? [];
    if (line === undefined || CONNECTION.test(stderr)) return undefined;
    return new ParentRefused(why.replace(/^[^:]+: +/, ''));
  }
}
