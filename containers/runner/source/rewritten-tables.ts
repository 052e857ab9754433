import { disconnect } from '../keep-alive.ts';
import { connectionError } from './connection-error.ts';
import { connect, type Server } from './server.ts';

/** A table that a snapshot shows, and which is another by now. */
export interface RewrittenTable {
  readonly oid: number;
  /** With its schema, as SQL writes it. */
  readonly name: string;
}

/**
 * The catalog's rows are those of the snapshot; the two functions answer for now. A schema that the
 * role may not look into cannot be dumped either.
 */
const REWRITTEN = `
  select c.oid::int8 as oid, format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_'
     and (c.relfilenode <> pg_relation_filenode(c.oid)
          or case when has_schema_privilege(n.oid, 'USAGE')
                  then to_regclass(format('%I.%I', n.nspname, c.relname)) is distinct from c.oid end)
   order by name`;

/**
 * Finds the tables that have been truncated, rewritten or replaced by others of their names since a
 * snapshot was taken. Whoever reads them under that snapshot finds them empty, without an error: their
 * rows were written by a transaction that it does not see, and the old ones are gone.
 *
 * In a session of its own: one that has looked at a table before may remember what it was.
 *
 * @see https://www.postgresql.org/docs/17/mvcc-caveats.html
 * @param snapshot its name; the session that has exported it still holds it.
 * @throws HoldfastError SOURCE_UNREACHABLE
 */
export async function findRewrittenTables(
  server: Server,
  database: string,
  snapshot: string,
): Promise<RewrittenTable[]> {
  try {
    return await inSnapshot(server, database, snapshot);
  } catch (error) {
    throw connectionError(error, server);
  }
}

async function inSnapshot(
  server: Server,
  database: string,
  snapshot: string,
): Promise<RewrittenTable[]> {
  const client = await connect(server, database);
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query(`set transaction snapshot '${snapshot}'`);
    const { rows } = await client.query<{ oid: string; name: string }>(REWRITTEN);
    return rows.map(({ oid, name }) => ({ oid: Number(oid), name }));
  } finally {
    await disconnect(client);
  }
}
