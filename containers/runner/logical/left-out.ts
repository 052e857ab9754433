import type { LogicalOptions } from '../../../contract/logical-options.ts';
import type { NotIncluded } from '../../../contract/manifest-base.ts';

/** What the configuration leaves out of every database that is dumped, in the manifest's words. */
export function leftOutBy(options: LogicalOptions): NotIncluded[] {
  const found: NotIncluded[] = [];
  const note = (what: string, why: string): void => void found.push({ what, why });
  if (!options.rolePasswords) note('role passwords', 'left out by --no-role-passwords');
  if (options.schemas.length > 0) {
    note(`schemas other than ${list(options.schemas)}`, 'the option schemas');
  }
  for (const pattern of options.excludeSchemas) {
    note(`schemas ${pattern}`, 'the option excludeSchemas');
  }
  if (options.tables.length > 0) {
    note(
      `everything but the tables ${list(options.tables)}`,
      'the option tables; neither the schemas they lie in nor the types and functions they use are dumped',
    );
  }
  for (const pattern of options.excludeTables)
    note(`tables ${pattern}`, 'the option excludeTables');
  for (const pattern of options.excludeTableData) {
    note(`the rows of tables ${pattern}`, 'the option excludeTableData');
  }
  if (options.schemaOnly) note('all rows and large objects', 'the option schemaOnly');
  else if (!options.largeObjects) note('large objects', 'the option largeObjects is false');
  return found;
}

function list(patterns: readonly string[]): string {
  return patterns.join(', ');
}
