import type { DumpToc, TocEntry } from '../dump-toc.ts';
import type { NotRestored } from '../not-restored.ts';
import { nameOfEntry } from '../select-entries.ts';

/** A column of a type that large objects are named by: `oid`, or the extension's `lo`. */
const NAMES_ONE =
  /^\s+(?:"(?:[^"]|"")+"|[^\s"]+)\s+(?:(?:"(?:[^"]|"")+"|[^\s".]+)\.)?"?(?:oid|lo)"?(?![\w.])/m;

/**
 * A large object belongs to no table, so that no table brings one. In the database that its rows come
 * into, what they name is not there, or is another.
 */
export function largeObjectsLeftOut(
  { entries }: DumpToc,
  chosen: Iterable<TocEntry>,
): NotRestored[] {
  if (!entries.some(({ desc }) => desc.startsWith('BLOB'))) return [];
  return [...chosen]
    .filter(({ desc, definition }) => desc === 'TABLE' && NAMES_ONE.test(definition))
    .map((entry) => ({
      what: `large objects that ${nameOfEntry(entry)} names`,
      why: 'they belong to no table: restore the whole database beside this one (--into) and take them from there',
    }));
}
