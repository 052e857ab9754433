import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';
import { parseLsn } from '../../../contract/wal-segments.ts';
import { whereabouts } from '../source/connection-error.ts';
import { inSession } from '../source/in-session.ts';
import type { Server } from '../source/server.ts';
import { checkRetention } from './wal-preflight.ts';

/** A physical slot of ours on one server. */
export interface Slot {
  /** From here on the server keeps its WAL. */
  readonly restartLsn: bigint;
  /** `reserved`, `extended`, `unreserved`. */
  readonly walStatus: string;
  /** Whether it was made just now. */
  readonly fresh: boolean;
}

const SLOT = `
  select slot_type as type, restart_lsn::text as restart_lsn, wal_status
    from pg_replication_slots where slot_name = $1`;

/**
 * The slot on a server: the one that is there, or a new one that holds WAL from now on. One that has
 * lost its WAL holds nothing any more, and is replaced.
 *
 * @returns `lost`: whether it had, so that WAL may be missing.
 * @throws HoldfastError SOURCE_RIGHTS, SOURCE_SETTINGS
 */
export async function haveSlot(
  client: pg.Client,
  server: Server,
  name: string,
): Promise<Slot & { readonly lost: boolean }> {
  const { rows } = await client.query(SLOT, [name]);
  const found = rows[0] as
    | { type: string; restart_lsn: string | null; wal_status: string | null }
    | undefined;
  if (found !== undefined && found.type !== 'physical') {
    throw new HoldfastError(
      'SOURCE_SETTINGS',
      `On ${whereabouts(server)} the slot ${name} is a ${found.type} one.`,
      { hint: 'Drop it, if nobody needs it: the streamer makes a physical one of that name.' },
    );
  }
  const lost = found?.wal_status === 'lost';
  if (lost) await client.query('select pg_drop_replication_slot($1)', [name]);
  if (found !== undefined && !lost && found.restart_lsn !== null) {
    const restartLsn = parseLsn(found.restart_lsn);
    return { restartLsn, walStatus: found.wal_status ?? 'reserved', fresh: false, lost };
  }
  // One without a position has never held anything.
  if (found !== undefined && !lost) {
    await client.query('select pg_drop_replication_slot($1)', [name]);
  }
  return { ...(await createSlot(client, server, name)), lost };
}

async function createSlot(client: pg.Client, server: Server, name: string): Promise<Slot> {
  try {
    const { rows } = await client.query<{ lsn: string }>(
      'select lsn::text as lsn from pg_create_physical_replication_slot($1, true)',
      [name],
    );
    return { restartLsn: parseLsn(rows[0]?.lsn ?? ''), walStatus: 'reserved', fresh: true };
  } catch (error) {
    throw slotRefused(error, server, name);
  }
}

/** A new slot in the place of one whose WAL is gone. */
export async function replaceSlot(server: Server, name: string): Promise<Slot> {
  return await inSession(server, async (client) => {
    await client.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
      [name],
    );
    return await createSlot(client, server, name);
  });
}

/**
 * Lets a server that nothing is streamed from hold just the WAL that the vault has not: the slot is made
 * where it is missing, and moved on to the vault's position, but never past what the server has
 * replayed. So WAL is there when this server becomes the primary. None is made where it would hold back WAL
 * without a limit that nobody has accepted. On one that has become it, and on one that still is while another is
 * streamed from, the same positions are of WAL that the vault has not: its slot stays where it is.
 *
 * @throws HoldfastError SOURCE_RIGHTS, SOURCE_SETTINGS
 */
export async function holdOn(
  server: Server,
  name: string,
  vault: StoredUpTo,
  options: Pick<WalOptions, 'acceptUnlimitedRetention'>,
): Promise<void> {
  await inSession(server, async (client) => {
    const { rows } = await client.query(SLOT, [name]);
    if (rows.length === 0) await checkRetention(client, server, options);
    await haveSlot(client, server, name);
    await client.query(ADVANCE, [name, vault.lsn.toString(), vault.primaryOn]);
  });
}

/** Up to where the vault has what is streamed. */
export interface StoredUpTo {
  readonly lsn: bigint;
  /** On which a primary has the very same WAL, because a standby is streamed from; 0: none has. */
  readonly primaryOn: number;
}

const ADVANCE = `
  select pg_replication_slot_advance(slot_name, target)
    from pg_replication_slots,
         lateral (select least('0/0'::pg_lsn + $2::numeric,
                               case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                                    when ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int = $3::int
                                    then pg_current_wal_flush_lsn() else '0/0' end) as target) t
   where slot_name = $1 and target > restart_lsn and not active`;

function slotRefused(error: unknown, server: Server, name: string): unknown {
  const { code, message } = error as { code?: string; message: string };
  const where = whereabouts(server);
  if (code === '42501') {
    return new HoldfastError('SOURCE_RIGHTS', `${where}: ${message}`, {
      hint: 'Run on the primary: ALTER ROLE <role> REPLICATION;',
      cause: error,
    });
  }
  // All slots taken, or a wal_level that knows none.
  if (code === '53400' || code === '55000') {
    return new HoldfastError('SOURCE_SETTINGS', `${where}: the slot ${name}: ${message}`, {
      hint: 'Raise max_replication_slots, or set wal_level to replica or logical; both need a restart of the server.',
      cause: error,
    });
  }
  return error;
}
