import type pg from 'pg';
import type { HoldfastError } from '../../../contract/errors.ts';
import { countHiddenUserMappings, findMissingRights } from './missing-rights.ts';
import { connect, disconnect, type Server } from './server.ts';
import { type Survey, survey } from './survey.ts';

/** A snapshot held open for a dump, and what it shows. */
export interface Snapshot {
  /** Name for pg_dump's `--snapshot`. */
  readonly id: string;
  readonly takenAt: Date;
  /** What the server said of itself in the same session, just before. */
  readonly survey: Survey;
  readonly extensions: readonly { readonly name: string; readonly version: string }[];
  readonly unloggedTables: number;
  /** What pg_dump would stumble over. */
  readonly missingRights: HoldfastError | undefined;
  readonly hiddenUserMappings: number;
  /** Lets the snapshot go. Never throws. */
  release(): Promise<void>;
}

/**
 * Exports a snapshot in a session of ours, so that its time and position are known and the dump
 * shows exactly them. It lasts as long as the session.
 */
export async function takeSnapshot(server: Server, database: string): Promise<Snapshot> {
  const client = await connect(server, database);
  try {
    // Before the snapshot: so position and lag are at worst a little too old, never too new.
    const before = await survey(client);
    await client.query('begin isolation level repeatable read read only');
    // It idles while the dump runs; not every major has each of these.
    await client.query(
      `select set_config(name, '0', true) from pg_settings
        where name in ('idle_in_transaction_session_timeout', 'statement_timeout', 'transaction_timeout')`,
    );
    const { rows } = await client.query<{ id: string; taken_at: Date }>(
      'select pg_export_snapshot() as id, clock_timestamp() as taken_at',
    );
    const row = rows[0];
    if (row === undefined) throw new Error('pg_export_snapshot() returned nothing');
    return {
      id: row.id,
      takenAt: row.taken_at,
      survey: before,
      extensions: await extensions(client),
      unloggedTables: await unloggedTables(client),
      missingRights: await findMissingRights(client, database),
      hiddenUserMappings: await countHiddenUserMappings(client),
      release: () => disconnect(client),
    };
  } catch (error) {
    await disconnect(client);
    throw error;
  }
}

async function extensions(client: pg.Client): Promise<{ name: string; version: string }[]> {
  const { rows } = await client.query<{ name: string; version: string }>(
    'select extname as name, extversion as version from pg_extension order by extname',
  );
  return rows;
}

async function unloggedTables(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from pg_class where relpersistence = 'u' and relkind in ('r', 'm')`,
  );
  return rows[0]?.count ?? 0;
}
