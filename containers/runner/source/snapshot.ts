import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { disconnect } from '../keep-alive.ts';
import type { SourceDatabase } from './databases.ts';
import { countHiddenUserMappings, findMissingRights } from './missing-rights.ts';
import { findRewrittenTables, type RewrittenTable } from './rewritten-tables.ts';
import { connect, type Server } from './server.ts';
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
  /** But for those that belong to an unlogged table, and begin anew with it. */
  readonly unloggedSequences: number;
  /** What pg_dump would stumble over. */
  readonly missingRights: HoldfastError | undefined;
  readonly hiddenUserMappings: number;
  /** Tables of which it shows no row any more, or another's. */
  rewritten(): Promise<readonly RewrittenTable[]>;
  /** Lets the snapshot go. Never throws. */
  release(): Promise<void>;
}

/**
 * Exports a snapshot in a session of ours, so that its time and position are known and the dump
 * shows exactly them. It lasts as long as the session.
 *
 * @throws HoldfastError SOURCE_CHANGED when another database has the name by now
 */
export async function takeSnapshot(
  server: Server,
  database: Pick<SourceDatabase, 'name' | 'oid'>,
): Promise<Snapshot> {
  const { name } = database;
  const client = await connect(server, name);
  try {
    // Before the snapshot: so position and lag are at worst a little too old, never too new.
    const before = await survey(client);
    await client.query('begin isolation level repeatable read read only');
    // It idles while the dump runs; not every major has each of these.
    await client.query(
      `select set_config(name, '0', true) from pg_settings
        where name in ('idle_in_transaction_session_timeout', 'statement_timeout', 'transaction_timeout')`,
    );
    const { rows } = await client.query<{ id: string; taken_at: Date; oid: string }>(
      `select pg_export_snapshot() as id, clock_timestamp() as taken_at,
              (select oid::int8 from pg_database where datname = current_database()) as oid`,
    );
    const row = rows[0];
    if (row === undefined) throw new Error('pg_export_snapshot() returned nothing');
    // From here on it keeps its name: one that is in use cannot be renamed.
    if (Number(row.oid) !== database.oid) throw anotherOne(name);
    return {
      id: row.id,
      takenAt: row.taken_at,
      survey: before,
      extensions: await extensions(client),
      ...(await unlogged(client)),
      missingRights: await findMissingRights(client, name),
      hiddenUserMappings: await countHiddenUserMappings(client),
      rewritten: () => findRewrittenTables(server, name, row.id),
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

async function unlogged(
  client: pg.Client,
): Promise<Pick<Snapshot, 'unloggedTables' | 'unloggedSequences'>> {
  const { rows } = await client.query<{ tables: number; sequences: number }>(
    `select count(*) filter (where relkind in ('r', 'm'))::int as tables,
            count(*) filter (where relkind = 'S' and not exists (
              select from pg_depend d join pg_class t on t.oid = d.refobjid
               where d.classid = 'pg_class'::regclass and d.objid = c.oid
                 and d.refclassid = 'pg_class'::regclass and t.relpersistence = 'u'))::int as sequences
       from pg_class c where relpersistence = 'u'`,
  );
  const { tables = 0, sequences = 0 } = rows[0] ?? {};
  return { unloggedTables: tables, unloggedSequences: sequences };
}

/** Databases that take each other's names: one would be dumped twice, and the other not at all. */
function anotherOne(name: string): HoldfastError {
  return new HoldfastError(
    'SOURCE_CHANGED',
    `The database ${name} is another one than when the backup began: databases were renamed meanwhile.`,
    { hint: 'Nothing was published. Run the backup again if it does not do so by itself.' },
  );
}
