import { isDelegated, isGrant } from './delegated-grants.ts';
import type { DumpToc, TocEntry } from './dump-toc.ts';

/** One run of `pg_restore`. */
export interface RestorePass {
  /** Entries to restore; `undefined`: all of them. */
  readonly dumpIds: readonly number[] | undefined;
  readonly jobs: number;
}

/**
 * A grant that somebody else than the owner made is replayed as that role, which needs the schema's
 * own grants by then; but several workers of `pg_restore` replay grants in any order, and fail now
 * and then. Where there is such a grant, grants get a run of their own with one worker, in the dump's
 * order, between what `pg_restore` restores before them and after them.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_dump/pg_backup_archiver.c _tocEntryRestorePass
 */
export function restorePasses(
  toc: DumpToc,
  dumpIds: readonly number[] | undefined,
  jobs: number,
): RestorePass[] {
  const delegated = toc.entries.some(isDelegated);
  if (jobs === 1 || !delegated) return [{ dumpIds, jobs }];
  const selected = new Set(dumpIds);
  const wanted = toc.entries.filter(({ dumpId }) => dumpIds === undefined || selected.has(dumpId));
  const rest = wanted.filter((entry) => !isGrant(entry));
  return [
    { entries: rest.filter((entry) => !comesAfterGrants(entry)), jobs },
    { entries: wanted.filter(isGrant), jobs: 1 },
    { entries: rest.filter(comesAfterGrants), jobs },
  ]
    .filter(({ entries }) => entries.length > 0)
    .map((pass) => ({ dumpIds: pass.entries.map(({ dumpId }) => dumpId), jobs: pass.jobs }));
}

function comesAfterGrants({ desc, tag }: TocEntry): boolean {
  return (
    desc === 'EVENT TRIGGER' ||
    desc === 'MATERIALIZED VIEW DATA' ||
    (desc === 'COMMENT' && tag.startsWith('EVENT TRIGGER '))
  );
}
