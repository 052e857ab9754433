import { HoldfastError } from '../../../contract/errors.ts';
import { formatLsn } from '../../../contract/wal-segments.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { WalSource } from './find-wal-server.ts';
import type { Reached } from './vault-reached.ts';

/**
 * Makes sure that a primary is where the vault is, or beyond: what it was told to be stored it had on its disk. One
 * that has less was put back to an older state, and writes other WAL under names that the vault has. A standby may lag.
 *
 * @throws HoldfastError WAL_CONFLICT
 */
export async function assertNotPutBack(
  source: WalSource,
  reached: Reached | undefined,
): Promise<void> {
  const { server, connection, inRecovery, timeline, identity } = source;
  if (reached === undefined || inRecovery || timeline !== reached.timeline) return;
  if (identity.flushed >= reached.end) return;
  // Somebody else may have stored more while the vault was listed: again, of now.
  const { flushed } = await connection.identify();
  if (flushed >= reached.end) return;
  const [has, stored] = [flushed, reached.end].map(formatLsn);
  throw new HoldfastError(
    'WAL_CONFLICT',
    `${whereabouts(server)} has WAL up to ${has} of timeline ${timeline}, of which the vault has all up to ${stored}: it was put back to an older state.`,
    {
      hint: `Nothing of it was streamed: what it writes from ${has} on is not what the vault has. If it is to stay, it needs a timeline of its own: stop it, make a file standby.signal in its data directory, start it, SELECT pg_promote(), and take a full base backup. What the vault has up to ${stored} stays, and is restored with --target-timeline ${timeline}.`,
    },
  );
}
