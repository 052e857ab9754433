import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { Server } from '../source/server.ts';

const SETTINGS = `
  select (select rolsuper or rolreplication from pg_roles where rolname = current_user) as replication,
         quote_ident(current_user) as role,
         current_setting('wal_level') as wal_level,
         pg_size_bytes(current_setting('max_slot_wal_keep_size')) as keep,
         current_setting('synchronous_commit') as commit`;

/**
 * Refuses a server that cannot, or must not, be streamed from.
 *
 * @throws HoldfastError SOURCE_RIGHTS, SOURCE_SETTINGS
 */
export async function checkWalSource(
  client: pg.Client,
  server: Server,
  { synchronous, acceptUnlimitedRetention }: WalOptions,
): Promise<void> {
  const { rows } = await client.query(SETTINGS);
  const { replication, role, wal_level, keep, commit } = rows[0];
  const where = whereabouts(server);
  const refuse = (found: string, hint: string): HoldfastError =>
    new HoldfastError('SOURCE_SETTINGS', `${where}: ${found}`, { hint });
  if (replication !== true) {
    throw new HoldfastError('SOURCE_RIGHTS', `${where}: the role ${role} may not replicate.`, {
      hint: `Run on the primary: ALTER ROLE ${role} REPLICATION; a managed service that does not allow it has no WAL to stream: use logical backups.`,
    });
  }
  if (wal_level === 'minimal') {
    throw refuse('wal_level is minimal.', 'Set it to replica, and restart the server.');
  }
  if (Number(keep) < 0 && !acceptUnlimitedRetention) {
    throw refuse(
      'max_slot_wal_keep_size is not set: while nobody streams, its disk would fill up.',
      "Set it on every server to what its disk can spare, or accept the risk with acceptUnlimitedRetention in the cluster's wal.",
    );
  }
  if (synchronous && commit === 'remote_apply') {
    throw refuse(
      'synchronous_commit is remote_apply: the vault applies nothing, and every commit would wait for ever.',
      'Set synchronous_commit to on or remote_write.',
    );
  }
}
