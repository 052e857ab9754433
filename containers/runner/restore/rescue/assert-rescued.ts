import type pg from 'pg';
import type { TocEntry } from '../dump-toc.ts';
import { refused } from '../preflight.ts';
import { writeName } from '../selection/table-names.ts';
import type { MovedObject } from './move-objects.ts';

/**
 * What was chosen is in the new schema, before that is copied: a rescue that brings less than it was
 * asked for must not look like one that succeeded.
 *
 * @param session on the scratch database.
 * @param wanted what was chosen, as the dump has it.
 * @throws HoldfastError RESTORE_REFUSED
 */
export async function assertRescued(
  session: pg.Client,
  schema: string,
  wanted: readonly TocEntry[],
  moved: readonly MovedObject[],
): Promise<void> {
  const { rows } = await session.query<{ name: string }>(
    'SELECT relname::text AS name FROM pg_class WHERE relnamespace = $1::regnamespace',
    [schema],
  );
  const there = new Set(rows.map(({ name }) => name));
  const missing = wanted.filter(({ tag }) => !there.has(tag));
  if (missing.length > 0) {
    const names = missing.map(({ desc, namespace, tag }) => `${desc} ${writeName(namespace, tag)}`);
    throw refused(
      `Not all that was chosen can be rescued: ${names.join(', ')}. Nothing was changed.`,
      'A sequence that numbers a table comes with that table: name the table. For all else leave out --rescue: it comes into a new database, --into NAME, and can be copied from there.',
    );
  }
  if (moved.length === 0) {
    throw refused(
      'There is nothing to rescue: the database has all that was chosen, and no table is in it. Nothing was changed.',
      'Leave out --rescue: what was chosen comes into a new database, --into NAME, and can be compared with what is there.',
    );
  }
}
