import type { DumpToc, TocEntry } from './dump-toc.ts';
import {
  isKeyword,
  nameOf,
  quoteName,
  type SqlToken,
  splitStatements,
  tokenize,
  withoutSpace,
} from './sql-tokens.ts';

/**
 * `pg_restore` without `-C` leaves out, with exit status 0, whatever belongs to the database itself.
 * These are its entries, in the order in which they are to be replayed.
 */
export function databaseEntries(toc: DumpToc): TocEntry[] {
  return toc.entries.filter(
    ({ desc, tag }) =>
      desc === 'DATABASE PROPERTIES' ||
      (/^(ACL|COMMENT|SECURITY LABEL)$/.test(desc) && tag.startsWith('DATABASE ')),
  );
}

export interface CreateOptions {
  /** Tablespaces of the target server: the source's is kept only if it exists there. */
  readonly tablespaces: ReadonlySet<string>;
}

/**
 * The dump's own CREATE DATABASE (encoding, locale provider, locale, rules), under another name.
 * `undefined` when the dump holds none.
 */
export function createDatabaseStatement(
  toc: DumpToc,
  name: string,
  { tablespaces }: CreateOptions,
): string | undefined {
  const entry = toc.entries.find(({ desc }) => desc === 'DATABASE');
  if (entry === undefined) return undefined;
  const statement = splitStatements(entry.definition).find((tokens) => isCreate(tokens));
  if (statement === undefined) return undefined;
  return renamed(withoutTablespace(statement, tablespaces), name);
}

/** Statements of a database entry, about the database of another name. */
export function statementsFor(entry: TocEntry, name: string): string[] {
  return splitStatements(entry.definition).map((tokens) => renamed(tokens, name));
}

/** The setting's name, in lower case, of `ALTER DATABASE x SET name TO …`; else `undefined`. */
export function settingOf(statement: string): string | undefined {
  const [alter, database, , set, name] = withoutSpace(tokenize(statement));
  const isSetting =
    isKeyword(alter, 'ALTER') && isKeyword(database, 'DATABASE') && isKeyword(set, 'SET');
  return isSetting ? nameOf(name)?.toLowerCase() : undefined;
}

function isCreate(tokens: readonly SqlToken[]): boolean {
  return isKeyword(
    tokens.find((token) => token.kind !== 'space'),
    'CREATE',
  );
}

/**
 * Puts a name behind the first DATABASE keyword: `ALTER DATABASE x`, `ON DATABASE x`,
 * `IN DATABASE x`. Text and quoted names are tokens of their own, so nothing in them is mistaken.
 */
function renamed(tokens: readonly SqlToken[], name: string): string {
  const keyword = tokens.findIndex((token) => isKeyword(token, 'DATABASE'));
  const target = tokens.findIndex((token, at) => at > keyword && token.kind !== 'space');
  if (keyword < 0 || target < 0) return joined(tokens);
  const renamedTo: SqlToken = { kind: 'quoted', text: quoteName(name) };
  return joined(tokens.with(target, renamedTo));
}

function withoutTablespace(
  tokens: readonly SqlToken[],
  known: ReadonlySet<string>,
): readonly SqlToken[] {
  const at = tokens.findIndex((token) => isKeyword(token, 'TABLESPACE'));
  if (at < 0) return tokens;
  const significant = tokens
    .map((token, index) => ({ token, index }))
    .filter(({ token, index }) => index > at && token.kind !== 'space');
  // TABLESPACE = name
  const name = significant[1];
  if (name === undefined || known.has(name.token.text.replaceAll(/^"|"$/g, ''))) return tokens;
  return [...tokens.slice(0, at), ...tokens.slice(name.index + 1)];
}

function joined(tokens: readonly SqlToken[]): string {
  return tokens
    .map((token) => token.text)
    .join('')
    .trim();
}
