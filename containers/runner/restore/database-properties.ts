import type pg from 'pg';
import { createDatabaseStatement, statementsFor } from './database-statements.ts';
import type { DumpToc } from './dump-toc.ts';
import type { NotRestored } from './not-restored.ts';
import { refused, type TargetFacts } from './preflight.ts';
import type { Selection } from './select-entries.ts';
import { quoteName } from './sql-tokens.ts';

/**
 * Makes the temporary database as the source's was made: from template0, with its encoding and locale.
 *
 * @throws HoldfastError RESTORE_REFUSED when the target has no such locale
 */
export async function createTemporary(
  session: pg.Client,
  toc: DumpToc,
  temporary: string,
  { tablespaces }: TargetFacts,
): Promise<void> {
  const statement = createDatabaseStatement(toc, temporary, { tablespaces });
  if (statement === undefined) {
    throw refused('The dump does not say how its database was made.', 'Use another backup.');
  }
  await session.query(statement).catch((error: unknown) => {
    throw refused(
      `The target cannot make a database like the source's: ${(error as Error).message} (${statement})`,
      "Install the locale on the target's host (or its ICU), or restore into a server like the source.",
      error,
    );
  });
}

/** Replays owner, grants, comment and settings of the database. What fails is told, not fatal. */
export async function replayProperties(
  session: pg.Client,
  temporary: string,
  { ofDatabase }: Selection,
  toc: DumpToc,
  { noOwner }: { readonly noOwner: boolean },
): Promise<NotRestored[]> {
  const owner = toc.entries.find(({ desc }) => desc === 'DATABASE')?.owner ?? '';
  const statements = [
    ...(noOwner || owner === ''
      ? []
      : [`ALTER DATABASE ${quoteName(temporary)} OWNER TO ${quoteName(owner)}`]),
    ...ofDatabase.flatMap((entry) => statementsFor(entry, temporary)),
  ];
  const notReplayed: NotRestored[] = [];
  for (const statement of statements) {
    await session.query(statement).catch((error: unknown) => {
      const what = statement.replaceAll(quoteName(temporary), quoteName(toc.database));
      notReplayed.push({ what, why: (error as Error).message });
    });
  }
  await session.query('RESET SESSION AUTHORIZATION');
  return notReplayed;
}
