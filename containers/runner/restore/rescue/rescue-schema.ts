import { createHash } from 'node:crypto';
import type { HoldfastError } from '../../../../contract/errors.ts';
import type { LogicalManifest } from '../../../../contract/logical-manifest.ts';
import type { DumpToc, TocEntry } from '../dump-toc.ts';
import { refused } from '../preflight.ts';
import { type ChosenNames, findRelations } from '../selection/table-names.ts';
import { TocGraph } from '../selection/toc-graph.ts';

/**
 * Name of the schema that rescued tables come into: the backup's day, and what was chosen out of what.
 * The same rescue has the same name, so that it is not brought twice; 24 bytes, always.
 */
export function rescueSchema(
  { cluster, label }: Pick<LogicalManifest, 'cluster' | 'label'>,
  database: string,
  { tables, schemas }: ChosenNames,
): string {
  const what = [
    cluster,
    label,
    database,
    [...new Set(tables)].sort(),
    [...new Set(schemas)].sort(),
  ];
  const hash = createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 6);
  return `restored_${label.slice(0, 8)}_${hash}`;
}

/**
 * All of them come into one schema, under their own names.
 *
 * @param toc what was chosen, with all that belongs to it and that it needs.
 * @returns what was chosen by name, with its schema, or with what it is a partition of or inherits from.
 * @throws HoldfastError RESTORE_REFUSED when two of the chosen tables have one name; TABLE_UNKNOWN
 */
export function assertOneSchemaHoldsAll(toc: DumpToc, chosen: ChosenNames): TocEntry[] {
  const found = [...new TocGraph(toc).withDescendants(findRelations(toc, chosen))];
  const schemas = new Map<string, string>();
  for (const { namespace, tag } of found) {
    const other = schemas.get(tag);
    if (other !== undefined) {
      throw refused(
        `Two of the chosen tables have one name: ${other}.${tag} and ${namespace}.${tag}.`,
        'They cannot be in one schema: rescue them one after the other, each with its schema in front (--table SCHEMA.TABLE); or leave out --rescue.',
      );
    }
    schemas.set(tag, namespace);
  }
  return found;
}

/** What is said where the schema is there. */
export function refuseExistingSchema(schema: string, into: string): HoldfastError {
  return refused(
    `The database "${into}" has the schema ${schema}: these tables were rescued out of this backup before.`,
    `Use what is there; or drop it and run it again: DROP SCHEMA ${schema} CASCADE`,
  );
}
