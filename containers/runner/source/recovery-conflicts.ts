import type { ErrorCode } from '../../../contract/error-codes.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { disconnect } from '../keep-alive.ts';
import { connect, type Server } from './server.ts';

/** What a replica says of queries that it cancelled for the sake of replay. */
export interface ConflictCount {
  readonly cancelled: number;
  readonly maxStandbyStreamingDelay: string;
  readonly hotStandbyFeedback: string;
}

const CONFLICTS = `
  select coalesce(sum(confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock), 0)::int8 as cancelled,
         current_setting('max_standby_streaming_delay') as delay,
         current_setting('hot_standby_feedback') as feedback
    from pg_stat_database_conflicts`;

/** Counts a replica's recovery conflicts; `undefined` when it cannot be asked. */
export async function countConflicts(server: Server): Promise<ConflictCount | undefined> {
  try {
    const client = await connect(server, server.target.database);
    try {
      const { rows } = await client.query(CONFLICTS);
      const { cancelled, delay, feedback } = rows[0];
      return {
        cancelled: Number(cancelled),
        maxStandbyStreamingDelay: delay,
        hotStandbyFeedback: feedback,
      };
    } finally {
      await disconnect(client);
    }
  } catch {
    return undefined;
  }
}

/** What a dump whose sessions were cancelled may look like: the one with the snapshot may go first. */
const MAY_BE_CONFLICTS: readonly ErrorCode[] = [
  'DUMP_FAILED',
  'SOURCE_UNREACHABLE',
  'SOURCE_BALANCED',
];

/**
 * Tells a recovery conflict from other failures of a dump: by pg_dump's words, and, because those
 * are in the server's language, by the replica's own count.
 *
 * @returns the conflict, with what to set; or the failure as it was.
 */
export function recogniseConflict(
  failure: HoldfastError,
  before: ConflictCount | undefined,
  after: ConflictCount | undefined,
): HoldfastError {
  const saysSo = /conflict with recovery/.test(failure.message);
  const risen = before !== undefined && after !== undefined && after.cancelled > before.cancelled;
  const mayBe = MAY_BE_CONFLICTS.includes(failure.code);
  const isOne = failure.code === 'SOURCE_CONFLICT' || (mayBe && (saysSo || risen));
  if (!isOne) return failure;
  const settings =
    after === undefined
      ? ''
      : ` It has max_standby_streaming_delay=${after.maxStandbyStreamingDelay} and hot_standby_feedback=${after.hotStandbyFeedback}.`;
  return new HoldfastError(
    'SOURCE_CONFLICT',
    `The replica cancelled the dump for the sake of replay: ${failure.message}`,
    {
      hint: `Set hot_standby_feedback=on on the replica, or a max_standby_streaming_delay longer than the dump takes.${settings}`,
      cause: failure,
    },
  );
}
