import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { Server } from '../source/server.ts';

const SETTINGS = `
  select (select rolsuper or rolreplication from pg_roles where rolname = current_user) as replication,
         quote_ident(current_user) as role,
         current_setting('wal_level') as wal_level,
         current_setting('synchronous_commit') as commit`;

/**
 * Refuses a server that cannot, or must not, be streamed from.
 *
 * @throws HoldfastError SOURCE_RIGHTS, SOURCE_SETTINGS
 */
export async function checkWalSource(
  client: pg.Client,
  server: Server,
  options: WalOptions,
): Promise<void> {
  const { rows } = await client.query(SETTINGS);
  const { replication, role, wal_level, commit } = rows[0];
  const where = whereabouts(server);
  if (replication !== true) {
    throw new HoldfastError('SOURCE_RIGHTS', `${where}: the role ${role} may not replicate.`, {
      hint: `Run on the primary: ALTER ROLE ${role} REPLICATION; a managed service that does not allow it has no WAL to stream: use logical backups.`,
    });
  }
  if (wal_level === 'minimal') {
    throw refused(server, 'wal_level is minimal.', 'Set it to replica, and restart the server.');
  }
  await checkRetention(client, server, options);
  if (options.synchronous && commit === 'remote_apply') {
    throw refused(
      server,
      'synchronous_commit is remote_apply: the vault applies nothing, and every commit would wait for ever.',
      'Set synchronous_commit to on or remote_write.',
    );
  }
}

/**
 * Refuses a server on which a slot would hold back WAL without a limit.
 *
 * @throws HoldfastError SOURCE_SETTINGS
 */
export async function checkRetention(
  client: pg.Client,
  server: Server,
  { acceptUnlimitedRetention }: Pick<WalOptions, 'acceptUnlimitedRetention'>,
): Promise<void> {
  if (acceptUnlimitedRetention) return;
  const { rows } = await client.query(
    "select pg_size_bytes(current_setting('max_slot_wal_keep_size')) as keep",
  );
  if (Number(rows[0].keep) >= 0) return;
  throw refused(
    server,
    'max_slot_wal_keep_size is not set: while nobody streams, its disk would fill up.',
    "Set it on every server to what its disk can spare, or accept the risk with acceptUnlimitedRetention in the cluster's wal.",
  );
}

function refused(server: Server, found: string, hint: string): HoldfastError {
  return new HoldfastError('SOURCE_SETTINGS', `${whereabouts(server)}: ${found}`, { hint });
}
