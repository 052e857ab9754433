import { HoldfastError } from '../../../../contract/errors.ts';
import type { DumpToc, TocEntry } from '../dump-toc.ts';
import { nameOf, quoteName, tokenize, withoutSpace } from '../sql-tokens.ts';

/** What of a database is to be restored; names as they are given on the command line. */
export interface ChosenNames {
  readonly tables: readonly string[];
  readonly schemas: readonly string[];
}

const RELATIONS = new Set(['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE']);
/** More than this would hide the right one. */
const SHOWN = 5;

export function isRelation({ desc }: TocEntry): boolean {
  return RELATIONS.has(desc);
}

/**
 * Finds the tables (views, sequences) that names stand for: `table` in any schema, `schema.table`,
 * each part quoted where it holds a dot. Names are taken as they are, in upper and lower case.
 *
 * @throws HoldfastError TABLE_UNKNOWN with names that are near
 */
export function findRelations(toc: DumpToc, { tables, schemas }: ChosenNames): Set<TocEntry> {
  const relations = toc.entries.filter(isRelation);
  const found = new Set<TocEntry>();
  for (const text of tables) {
    const { schema, name } = splitName(text);
    const those = relations.filter(
      ({ namespace, tag }) => tag === name && (schema === undefined || namespace === schema),
    );
    if (those.length === 0) {
      throw unknown(
        'table',
        text,
        relations.map(({ namespace, tag }) => writeName(namespace, tag)),
      );
    }
    for (const entry of those) found.add(entry);
  }
  for (const schema of schemas) {
    const those = toc.entries.filter(
      ({ desc, namespace, tag }) => namespace === schema || (desc === 'SCHEMA' && tag === schema),
    );
    if (those.length === 0) {
      throw unknown('schema', schema, [...new Set(toc.entries.map(({ namespace }) => namespace))]);
    }
    for (const entry of those.filter(isRelation)) found.add(entry);
  }
  return found;
}

/** `shop.Order` → `shop` and `Order`; `"a.b"` → `a.b` in any schema. */
export function splitName(text: string): { schema: string | undefined; name: string } {
  const tokens = withoutSpace(tokenize(text));
  const dot = tokens.findIndex((token) => token.text === '.');
  const quoted = tokens.some((token) => token.kind === 'quoted');
  if (!quoted) {
    const at = text.indexOf('.');
    return at < 0
      ? { schema: undefined, name: text }
      : { schema: text.slice(0, at), name: text.slice(at + 1) };
  }
  const part = (token: (typeof tokens)[number] | undefined) =>
    token?.kind === 'quoted' ? (nameOf(token) ?? '') : (token?.text ?? '');
  return dot < 0
    ? { schema: undefined, name: part(tokens[0]) }
    : { schema: part(tokens[dot - 1]), name: part(tokens[dot + 1]) };
}

/** As `splitName` takes it apart: a part that is no plain word is quoted. */
export function writeName(schema: string, name: string): string {
  return [schema, name].map(writePart).join('.');
}

function writePart(part: string): string {
  return /^[\p{L}_][\p{L}\p{N}_$]*$/u.test(part) ? part : quoteName(part);
}

function unknown(what: string, text: string, names: readonly string[]): HoldfastError {
  const near = nearest(text, names);
  return new HoldfastError('TABLE_UNKNOWN', `The backup holds no ${what} ${text}.`, {
    hint:
      near.length > 0
        ? `Nothing was restored. It holds ${near.join(', ')}. Names are taken as they are, in upper and lower case.`
        : 'Nothing was restored. Look at what the database had, or at another backup: holdfast list',
  });
}

/** Names that somebody may have meant, nearest first. */
export function nearest(text: string, names: readonly string[]): string[] {
  const wanted = bare(text);
  return names
    .filter((name) => name !== '' && name !== '.')
    .map((name) => ({
      name,
      distance: Math.min(apart(wanted, bare(name)), apart(text.toLowerCase(), name.toLowerCase())),
    }))
    .filter(({ name, distance }) => distance <= 2 || bare(name).includes(wanted))
    .sort((one, other) => one.distance - other.distance || (one.name < other.name ? -1 : 1))
    .slice(0, SHOWN)
    .map(({ name }) => name);
}

/** Without schema, quotes and case. */
function bare(text: string): string {
  return splitName(text).name.toLowerCase();
}

/** Levenshtein's distance. */
function apart(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
