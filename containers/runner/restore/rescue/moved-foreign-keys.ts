import type pg from 'pg';
import type { MovedObject } from './move-objects.ts';

/** A foreign key between two rescued tables; names as SQL writes them. */
export interface MovedForeignKey {
  readonly name: string;
  readonly of: string;
  readonly to: string;
  readonly definition: string;
}

/** Foreign keys within the schema. */
export async function foreignKeysOf(
  session: pg.Client,
  schema: string,
): Promise<MovedForeignKey[]> {
  const { rows } = await session.query<MovedForeignKey>(
    `SELECT quote_ident(conname) AS name, conrelid::regclass::text AS of, confrelid::regclass::text AS to,
            pg_get_constraintdef(oid) AS definition
       FROM pg_constraint
      WHERE contype = 'f' AND conparentid = 0 AND connamespace = $1::regnamespace ORDER BY 2, 1`,
    [schema],
  );
  return rows;
}

/** Tables in an order in which rows can be inserted: what is referred to comes first. */
export function inOrder(
  tables: readonly MovedObject[],
  keys: readonly MovedForeignKey[],
): MovedObject[] {
  const ordered = new Set<MovedObject>();
  const visiting = new Set<MovedObject>();
  const visit = (table: MovedObject): void => {
    // Tables that refer to each other have no such order.
    if (visiting.has(table)) return;
    visiting.add(table);
    for (const { to } of keys.filter((key) => key.of === table.restored)) {
      const other = tables.find(({ restored }) => restored === to);
      if (other !== undefined) visit(other);
    }
    ordered.add(table);
  };
  for (const table of tables) visit(table);
  return [...ordered];
}

/**
 * Foreign keys that went with a table in use, and those of tables that go back to their place and
 * would still lead to a rescued one.
 */
export async function foreignKeyStatements(
  session: pg.Client,
  keys: readonly MovedForeignKey[],
  moved: readonly MovedObject[],
): Promise<string[]> {
  const statements: string[] = [];
  for (const { name, of, to, definition } of keys) {
    const from = moved.find(({ restored }) => restored === of);
    const target = moved.find(({ restored }) => restored === to);
    if (from === undefined || target === undefined) continue;
    const original = from.from.identity;
    const add = `ADD CONSTRAINT ${name} ${definition.replace(`REFERENCES ${to}(`, () => `REFERENCES ${target.from.identity}(`)}`;
    if (!from.isThere && target.isThere) {
      statements.push(`ALTER TABLE ${original} DROP CONSTRAINT ${name}, ${add};`);
    } else if (from.isThere && from.isChosen && !(await hasConstraint(session, original, name))) {
      statements.push(`ALTER TABLE ${original} ${add};`);
    }
  }
  return statements;
}

async function hasConstraint(session: pg.Client, table: string, name: string): Promise<boolean> {
  const { rowCount } = await session.query(
    'SELECT FROM pg_constraint WHERE conrelid = $1::regclass AND quote_ident(conname) = $2',
    [table, name],
  );
  return (rowCount ?? 0) > 0;
}
