import type pg from 'pg';

/** Something that lies in a schema, and can be moved into another. */
export interface DatabaseObject {
  /** The same before and after it was moved. */
  readonly id: string;
  /** As `ALTER` calls it: `TABLE`, `MATERIALIZED VIEW`, `FUNCTION`, … */
  readonly kind: string;
  /** The schema's and a relation's own names, never quoted; a name is empty for what is no relation. */
  readonly schema: string;
  readonly name: string;
  /** As SQL writes it, with its schema, and a function with its arguments. */
  readonly identity: string;
  /** Whether it is a table, a view, or a sequence that belongs to none. */
  readonly isRelation: boolean;
  /** Whether a table has or is a partition, or inherits. */
  readonly inherits: boolean;
  readonly isPartition: boolean;
  /** Id of what it is a partition of, or inherits from first. */
  readonly parent: string | null;
}

/**
 * Moved by nothing but themselves: indexes and owned sequences, say, go with their table. A range's
 * multirange and constructors do not go with it, internal as they are.
 */
const OBJECTS = `
  WITH object (classid, objid, namespace, relkind, name, partition) AS (
    SELECT 'pg_class'::regclass, c.oid, relnamespace, relkind::text, relname::text, relispartition FROM pg_class c
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND NOT (relkind = 'S' AND EXISTS (SELECT FROM pg_depend
             WHERE classid = 'pg_class'::regclass AND objid = c.oid
               AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i')))
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace, NULL, '', false FROM pg_statistic_ext
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, NULL, '', false FROM pg_proc
    UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace, NULL, '', false FROM pg_collation
    UNION ALL SELECT 'pg_type'::regclass, t.oid, typnamespace, NULL, '', false
      FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
     WHERE coalesce(c.relkind = 'c', true)
       AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid))
  SELECT format('%s %s', o.classid, o.objid) AS id, i.type, n.nspname AS schema, o.name, i.identity,
         o.relkind IS NOT NULL AS relation, o.partition,
         o.relkind IS NOT NULL AND EXISTS (SELECT FROM pg_inherits
           WHERE o.objid IN (inhparent, inhrelid)) AS inherits,
         (SELECT format('%s %s', o.classid, inhparent) FROM pg_inherits
           WHERE o.relkind IS NOT NULL AND inhrelid = o.objid ORDER BY inhseqno LIMIT 1) AS parent
    FROM object o JOIN pg_namespace n ON n.oid = o.namespace,
         LATERAL pg_identify_object(o.classid, o.objid, 0) i
   WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid
           AND (d.deptype = 'e' OR (d.deptype = 'i' AND o.classid = 'pg_type'::regclass
                AND NOT EXISTS (SELECT FROM pg_range WHERE rngmultitypid = o.objid))))
   ORDER BY o.classid <> 'pg_proc'::regclass, o.relkind IS NOT NULL, i.identity`;

/**
 * All of a database's own objects that can be moved, functions first: what they are called depends on
 * where their arguments' types are.
 */
export async function objectsOf(session: pg.Client): Promise<DatabaseObject[]> {
  const { rows } = await session.query<{
    id: string;
    type: string;
    schema: string;
    name: string;
    identity: string;
    relation: boolean;
    partition: boolean;
    inherits: boolean;
    parent: string | null;
  }>(OBJECTS);
  return rows.map(({ type, relation, partition, ...row }) => ({
    ...row,
    kind: type === 'statistics object' ? 'STATISTICS' : type.toUpperCase(),
    isRelation: relation,
    isPartition: partition,
  }));
}

/** What a database calls it; databases that say the same of two objects mean the same. */
export function keyOf({ kind, identity }: DatabaseObject): string {
  return `${kind} ${identity}`;
}
