import type pg from 'pg';
import { quoteName } from '../sql-tokens.ts';
import { insertion } from './insertion.ts';
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
    statements.push(...(await insertion(session, from.identity, restored)));
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

/** Quoted where it has to be: people copy these lines. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteName(name);
}
