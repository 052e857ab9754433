import type pg from 'pg';
import { refused } from '../preflight.ts';
import { refuseExistingSchema } from './rescue-schema.ts';

/** What is known of the database in use, before anything is fetched. */
export interface DatabaseFacts {
  /** Extensions that it has, not those that it could have. */
  readonly extensions: ReadonlySet<string>;
}

/**
 * Asks the database that tables are to be brought into, and refuses what would fail later, or would
 * touch what is there.
 *
 * @throws HoldfastError RESTORE_REFUSED
 */
export async function surveyDatabase(
  session: pg.Client,
  into: string,
  schema: string,
): Promise<DatabaseFacts> {
  const { rows } = await session.query<{
    may: boolean;
    there: boolean;
    extensions: string[];
    publications: string[];
  }>(
    `SELECT has_database_privilege(current_database(), 'CREATE') AS may,
            EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS there,
            ARRAY(SELECT extname::text FROM pg_extension) AS extensions,
            ARRAY(SELECT pubname::text FROM pg_publication WHERE puballtables ORDER BY 1) AS publications`,
    [schema],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('The database did not answer.');
  if (row.there) throw refuseExistingSchema(schema, into);
  if (!row.may) {
    throw refused(
      `The user may not create schemas in "${into}".`,
      'Use a superuser or the owner, or grant it: GRANT CREATE ON DATABASE',
    );
  }
  // Whoever subscribes would get rows of a table that it does not have, and stop.
  if (row.publications.length > 0) {
    throw refused(
      `"${into}" publishes all tables (${row.publications.join(', ')}): what was rescued would be replicated.`,
      'Leave out --rescue: the tables come into a database of their own, and can be copied from there.',
    );
  }
  return { extensions: new Set(row.extensions) };
}
