import type pg from 'pg';
import { quoteName } from '../sql-tokens.ts';
import type { MovedObject } from './move-objects.ts';
import { foreignKeyStatements, foreignKeysOf, inOrder } from './moved-foreign-keys.ts';

/**
 * What a person would run next: what the database lacks goes to its old place; rows that it lacks are
 * inserted where the table is there. Nothing of it is run by us.
 */
export async function nextStatements(
  session: pg.Client,
  schema: string,
  moved: readonly MovedObject[],
): Promise<string[]> {
  const byId = new Map(moved.map((object) => [object.from.id, object]));
  const parentOf = ({ from }: MovedObject) => byId.get(from.parent ?? '');
  /** Part of a table in use that has no such part. */
  const isPartInUse = (object: MovedObject): boolean => {
    const parent = object.from.isPartition ? parentOf(object) : undefined;
    return parent !== undefined && (parent.isThere || isPartInUse(parent));
  };
  const parts = moved.filter((object) => !object.isThere && isPartInUse(object));
  const lacking = moved.filter((object) => !object.isThere && !parts.includes(object));
  const filled = moved.filter(
    ({ isThere, isChosen, from }) =>
      isThere && isChosen && from.kind === 'TABLE' && !from.isPartition,
  );
  const keys = await foreignKeysOf(session, schema);
  const statements = await missingSchemas(session, lacking);
  for (const { from, restored } of lacking) {
    statements.push(`ALTER ${from.kind} ${restored} SET SCHEMA ${quoted(from.schema)};`);
  }
  for (const child of lacking) {
    const parent = parentOf(child);
    if (child.from.isPartition || parent?.isThere !== true) continue;
    const { identity } = child.from;
    statements.push(
      `ALTER TABLE ${identity} NO INHERIT ${parent.restored}, INHERIT ${parent.from.identity};`,
    );
  }
  for (const { from } of parts) {
    statements.push(`-- The partition ${from.identity} is not there: rows for it need one.`);
  }
  for (const { from, restored } of inOrder(filled, keys)) {
    const { columns, hasKey } = await tableInUse(session, from.identity, restored);
    if (!hasKey) {
      statements.push(`-- ${from.identity} has no key: rows that it still has would come twice.`);
    }
    statements.push(
      `INSERT INTO ${from.identity} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${restored} ON CONFLICT DO NOTHING;`,
    );
  }
  statements.push(...(await foreignKeyStatements(session, keys, moved)));
  // Without CASCADE: that would take along what has found its place and still needs something here.
  for (const kind of ['VIEW', 'MATERIALIZED VIEW', 'TABLE', 'FOREIGN TABLE', 'SEQUENCE']) {
    const left = moved.filter((object) => object.from.kind === kind && !lacking.includes(object));
    if (left.length === 0) continue;
    statements.push(`DROP ${kind} ${left.map(({ restored }) => restored).join(', ')};`);
  }
  return [...statements, `DROP SCHEMA ${quoted(schema)};`];
}

async function missingSchemas(
  session: pg.Client,
  lacking: readonly MovedObject[],
): Promise<string[]> {
  const schemas = [...new Set(lacking.map(({ from }) => from.schema))];
  const { rows } = await session.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) name
      WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)`,
    [schemas],
  );
  return rows.map(({ name }) => `CREATE SCHEMA ${quoted(name)};`);
}

/** Columns that both tables have and that can be written, and whether the one in use has a key. */
async function tableInUse(
  session: pg.Client,
  inUse: string,
  restored: string,
): Promise<{ readonly columns: string; readonly hasKey: boolean }> {
  const { rows } = await session.query<{ columns: string | null; key: boolean }>(
    `SELECT (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
               FROM pg_attribute a JOIN pg_attribute b USING (attname)
              WHERE a.attrelid = $1::regclass AND b.attrelid = $2::regclass AND a.attnum > 0
                AND NOT a.attisdropped AND NOT b.attisdropped AND a.attgenerated = '') AS columns,
            EXISTS (SELECT FROM pg_index WHERE indrelid = $1::regclass AND indisunique) AS key`,
    [inUse, restored],
  );
  return { columns: rows[0]?.columns ?? '', hasKey: rows[0]?.key ?? false };
}

/** Quoted where it has to be: people copy these lines. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteName(name);
}
