import type { DumpToc, TocEntry } from './dump-toc.ts';

export const PG_CRON = 'pg_cron';
/** The schema that its script makes. */
const SCHEMA = 'cron';

/**
 * The extension pg_cron with all that needs it. Its script refuses every database but the one that
 * the server's `cron.database_name` names, and a restored database gets its name last: so it would
 * end every restore, and is left to be made afterwards.
 *
 * @see https://github.com/citusdata/pg_cron/blob/main/pg_cron.sql
 */
export function entriesOfPgCron({ entries }: Pick<DumpToc, 'entries'>): Set<TocEntry> {
  const extension = entries.find(({ desc, tag }) => desc === 'EXTENSION' && tag === PG_CRON);
  if (extension === undefined) return new Set();
  const found = new Set(
    entries.filter(
      (entry) =>
        entry === extension || entry.namespace === SCHEMA || entry.tag === `SCHEMA ${SCHEMA}`,
    ),
  );
  const ids = new Set([...found].map(({ dumpId }) => dumpId));
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const entry of entries) {
      if (found.has(entry) || !entry.dependencies.some((id) => ids.has(id))) continue;
      found.add(entry);
      ids.add(entry.dumpId);
    }
  }
  return found;
}
