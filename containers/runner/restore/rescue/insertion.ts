import type pg from 'pg';

/** As PostgreSQL says that a type, such as `json`, has no equality. */
const NOT_COMPARABLE = '42883';

/**
 * The statement that gives a table in use the rows that it lacks, with a comment where somebody has to
 * think first. Rows that it still has must not come twice, whoever pastes this: where no key keeps
 * them away, whole rows are compared, and where they cannot be compared, the statement is a comment.
 */
export async function insertion(
  session: pg.Client,
  inUse: string,
  restored: string,
): Promise<string[]> {
  const { columns, hasKey, from, there } = await survey(session, inUse, restored);
  const lost = `SELECT ${columns} FROM ${from}`;
  const insert = (rows: string) =>
    `INSERT INTO ${inUse} (${columns}) OVERRIDING SYSTEM VALUE ${rows} ON CONFLICT DO NOTHING;`;
  if (hasKey) return [insert(lost)];
  const lacking = `${lost} EXCEPT ALL SELECT ${columns} FROM ${there}`;
  if (await canBePlanned(session, lacking)) {
    return [
      `-- ${inUse} has no key that every row has: one that was changed since the backup would come again.`,
      insert(lacking),
    ];
  }
  return [
    `-- ${inUse} has no key, and a column that cannot be compared. Rows that it still has would come twice by:`,
    `-- ${insert(lost)}`,
  ];
}

interface Survey {
  /** Those that both tables have and that can be written. */
  readonly columns: string;
  /** Whether one unique index of the table in use knows each of its rows. */
  readonly hasKey: boolean;
  /** The restored table and the one in use, without the rows of tables that inherit from them. */
  readonly from: string;
  readonly there: string;
}

async function survey(session: pg.Client, inUse: string, restored: string): Promise<Survey> {
  const { rows } = await session.query<{
    columns: string | null;
    key: boolean;
    inherited: boolean[];
  }>(
    `SELECT (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
               FROM pg_attribute a JOIN pg_attribute b USING (attname)
              WHERE a.attrelid = $1::regclass AND b.attrelid = $2::regclass AND a.attnum > 0
                AND NOT a.attisdropped AND NOT b.attisdropped AND a.attgenerated = '') AS columns,
            EXISTS (SELECT FROM pg_index
                     WHERE indrelid = $1::regclass AND indisunique AND indisvalid AND indimmediate
                       AND indpred IS NULL
                       AND (indnullsnotdistinct OR NOT EXISTS (
                         SELECT FROM unnest(indkey) WITH ORDINALITY AS key (attnum, place)
                           LEFT JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = key.attnum
                          WHERE place <= indnkeyatts AND a.attnotnull IS NOT TRUE))) AS key,
            ARRAY (SELECT relkind = 'r' AND relhassubclass
                     FROM unnest(ARRAY[$2::regclass, $1::regclass]) WITH ORDINALITY AS one (oid, place)
                     JOIN pg_class USING (oid) ORDER BY place) AS inherited`,
    [inUse, restored],
  );
  const [row] = rows;
  const only = (at: number) => (row?.inherited[at] ? 'ONLY ' : '');
  return {
    columns: row?.columns ?? '',
    hasKey: row?.key ?? false,
    from: `${only(0)}${restored}`,
    there: `${only(1)}${inUse}`,
  };
}

async function canBePlanned(session: pg.Client, query: string): Promise<boolean> {
  try {
    await session.query(`EXPLAIN ${query}`);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_COMPARABLE) return false;
    throw error;
  }
}
