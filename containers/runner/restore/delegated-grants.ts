import type pg from 'pg';
import type { DumpToc, TocEntry } from './dump-toc.ts';
import type { NotRestored } from './not-restored.ts';
import { isKeyword, nameOf, splitStatements, textOfLiteral, withoutSpace } from './sql-tokens.ts';

/** What is left of an entry's grants without those that somebody else than the owner made. */
export interface DividedGrants {
  readonly own: readonly string[];
  readonly delegated: readonly { readonly by: string; readonly sql: string }[];
}

/** Whether it gives rights: on objects, or on those that will be made. */
export function isGrant({ desc }: TocEntry): boolean {
  return desc === 'ACL' || desc === 'DEFAULT ACL';
}

/** Whether it is replayed as another role: `SET SESSION AUTHORIZATION`, around what that granted. */
export function isDelegated(entry: TocEntry): boolean {
  return isGrant(entry) && entry.definition.includes('SET SESSION AUTHORIZATION');
}

/**
 * Tells an entry's grants apart by who made them.
 *
 * @param self who needs no right to act as itself.
 */
export function divideGrants({ definition }: TocEntry, self: string): DividedGrants {
  const own: string[] = [];
  const delegated: { by: string; sql: string }[] = [];
  let by: string | undefined;
  for (const statement of splitStatements(definition)) {
    const sql = statement
      .map(({ text }) => text)
      .join('')
      .trim();
    const [verb, , third, role] = withoutSpace(statement);
    if (isKeyword(verb, 'SET') && isKeyword(third, 'AUTHORIZATION')) {
      by = nameOf(role) ?? textOfLiteral(role);
    } else if (isKeyword(verb, 'RESET')) {
      by = undefined;
    } else if (by === undefined || by === self) {
      own.push(sql);
    } else {
      delegated.push({ by, sql });
    }
  }
  return { own, delegated };
}

/** Entries with grants that a session of this user cannot make. */
export function delegatedBeyond(
  { entries }: Pick<DumpToc, 'entries'>,
  confinedTo: string | undefined,
): TocEntry[] {
  if (confinedTo === undefined) return [];
  return entries.filter(
    (entry) => isDelegated(entry) && divideGrants(entry, confinedTo).delegated.length > 0,
  );
}

/**
 * Makes the owners' part of grants that `pg_restore` could only have taken whole. What fails is told,
 * not fatal.
 */
export async function makeGrants(
  session: pg.Client,
  statements: readonly string[],
): Promise<NotRestored[]> {
  const notMade: NotRestored[] = [];
  for (const sql of statements) {
    await session.query(sql).catch((error: unknown) => {
      notMade.push({ what: sql, why: (error as Error).message });
    });
  }
  return notMade;
}
