import type { DumpToc, TocEntry } from './dump-toc.ts';
import type { NotRestored } from './not-restored.ts';
import {
  isKeyword,
  nameOf,
  quoteName,
  type SqlToken,
  splitStatements,
  withoutSpace,
} from './sql-tokens.ts';

/**
 * Foreign keys to tables that the dump does not hold, or holds without their rows: they cannot be
 * made, and would end the restore. Between tables without rows there is no such trouble.
 */
export function brokenForeignKeys(toc: DumpToc): Map<TocEntry, string> {
  const withRows = namesOf(toc, 'TABLE DATA');
  const tables = new Map(
    toc.entries
      .filter(({ desc }) => desc === 'TABLE')
      .map((entry) => [fullName(entry.namespace, entry.tag), entry]),
  );
  const hasRows = (name: string): boolean => {
    const table = tables.get(name);
    // The rows of a partitioned table are those of its partitions.
    return withRows.has(name) || (table !== undefined && isPartitioned(table));
  };
  const broken = new Map<TocEntry, string>();
  for (const entry of toc.entries) {
    if (entry.desc !== 'FK CONSTRAINT') continue;
    const [from, to] = tablesOf(entry);
    if (to === undefined) continue;
    if (!tables.has(to)) {
      broken.set(entry, `the backup does not hold the table ${to}, to which it refers`);
    } else if (!hasRows(to) && (from === undefined || hasRows(from))) {
      broken.set(entry, `the backup does not hold the rows of ${to}, to which it refers`);
    }
  }
  return broken;
}

/** Statements that make room for what a filtered dump holds, before it is loaded. */
export interface Room {
  readonly statements: readonly string[];
  readonly notRestored: readonly NotRestored[];
}

/**
 * A dump of chosen tables holds no schemas: those are made. It holds no extensions either; where there
 * are some, a schema that is missing belongs to one, whose own script makes it. A dump of the chosen
 * schema `public` makes it, though every new database has it: that one is dropped.
 */
export function makeRoom(toc: DumpToc): Room {
  const schemas = new Set(
    toc.entries.filter(({ desc }) => desc === 'SCHEMA').map(({ tag }) => tag),
  );
  const hasExtensions = toc.entries.some(({ desc }) => desc === 'EXTENSION');
  const used = hasExtensions ? [] : new Set(toc.entries.map(({ namespace }) => namespace));
  const missing = [...used].filter(
    (name) => !schemas.has(name) && !/^$|^public$|^pg_|^information_schema$/.test(name),
  );
  const makesPublic = toc.entries.some(
    ({ desc, tag, definition }) =>
      desc === 'SCHEMA' && tag === 'public' && /^\s*CREATE SCHEMA /.test(definition),
  );
  return {
    statements: [
      ...(makesPublic ? ['DROP SCHEMA IF EXISTS public'] : []),
      ...missing.map((name) => `CREATE SCHEMA ${quoteName(name)}`),
    ],
    notRestored: missing.map((name) => ({
      what: `owner and grants of the schema ${name}`,
      why: 'the backup is of tables only; the schema was made for them',
    })),
  };
}

/**
 * `ALTER TABLE ONLY schema.table ADD CONSTRAINT … REFERENCES schema.table(…)`: the two tables. Both
 * names are written with their schemas always.
 */
function tablesOf({ definition }: TocEntry): (string | undefined)[] {
  const statement = splitStatements(definition)
    .map(withoutSpace)
    .find((tokens) => tokens.some((token) => isKeyword(token, 'REFERENCES')));
  return [tableBehind(statement, 'TABLE'), tableBehind(statement, 'REFERENCES')];
}

function tableBehind(tokens: readonly SqlToken[] = [], keyword: string): string | undefined {
  const at = tokens.findIndex((token) => isKeyword(token, keyword));
  if (at < 0) return undefined;
  const start = isKeyword(tokens[at + 1], 'ONLY') ? at + 2 : at + 1;
  const [schema, table] = [nameOf(tokens[start]), nameOf(tokens[start + 2])];
  return schema === undefined || table === undefined ? undefined : fullName(schema, table);
}

function isPartitioned({ definition }: TocEntry): boolean {
  return splitStatements(definition).some((statement) => {
    const tokens = withoutSpace(statement);
    return tokens.some(
      (token, at) => isKeyword(token, 'PARTITION') && isKeyword(tokens[at + 1], 'BY'),
    );
  });
}

function namesOf({ entries }: DumpToc, kind: string): Set<string> {
  return new Set(
    entries
      .filter(({ desc }) => desc === kind)
      .map(({ namespace, tag }) => fullName(namespace, tag)),
  );
}

function fullName(schema: string, name: string): string {
  return `${schema}.${name}`;
}
