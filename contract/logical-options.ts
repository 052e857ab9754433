import { z } from 'zod';

/**
 * How a database is written: as a directory by parallel workers, as one archive, as plain SQL; or
 * everything there is as one plain SQL by `pg_dumpall`.
 */
export const DUMP_FORMATS = ['directory', 'custom', 'plain', 'dumpall'] as const;
export const DumpFormat = z.enum(DUMP_FORMATS);
export type DumpFormat = z.infer<typeof DumpFormat>;

/** A name or a pattern; a line break or a NUL can only be a mistake. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
const Pattern = z.string().regex(/^[^\u0000-\u001f]{1,200}$/);
export const Patterns = z.array(Pattern).max(100);

/** What a logical backup takes in, and how it is written. */
export const LogicalOptions = z
  .strictObject({
    format: DumpFormat,
    /** Names, or patterns with `*` and `?`; none: all that can be dumped. */
    databases: Patterns,
    excludeDatabases: Patterns,
    /** As `pg_dump --schema` takes them; none: all. */
    schemas: Patterns,
    excludeSchemas: Patterns,
    /** As `pg_dump --table` takes them; none: all. */
    tables: Patterns,
    excludeTables: Patterns,
    /** Tables that are dumped without their rows. */
    excludeTableData: Patterns,
    schemaOnly: z.boolean(),
    largeObjects: z.boolean(),
    /** How long pg_dump waits for a table that somebody has locked. Seconds. */
    lockWaitSeconds: z.int().min(1).max(86_400),
    /** Whether the globals hold the roles' password verifiers. */
    rolePasswords: z.boolean(),
  })
  .superRefine((options, context) => {
    for (const { property, fix } of contradictions(options)) {
      context.addIssue({ code: 'custom', path: [property], message: fix });
    }
  });
export type LogicalOptions = z.infer<typeof LogicalOptions>;

export interface Contradiction {
  readonly property: keyof LogicalOptions;
  /** An imperative sentence. */
  readonly fix: string;
}

/** Options that are right by themselves and do not go together. */
export function contradictions(options: LogicalOptions): Contradiction[] {
  const found: Contradiction[] = [];
  if (options.schemaOnly && options.largeObjects) {
    found.push({ property: 'largeObjects', fix: 'Leave it out: schemaOnly takes no data.' });
  }
  for (const property of ['schemas', 'excludeSchemas'] as const) {
    if (options.tables.length === 0 || options[property].length === 0) continue;
    found.push({
      property,
      fix: 'Leave it out, or choose by schema and table in tables: beside tables pg_dump ignores it.',
    });
  }
  if (options.format !== 'dumpall') return found;
  for (const property of FILTERS) {
    if (options[property].length === 0) continue;
    found.push({
      property,
      fix: 'Leave it out, or choose another format: pg_dumpall has no such filter.',
    });
  }
  if (!options.largeObjects && !options.schemaOnly) {
    found.push({
      property: 'largeObjects',
      fix: 'Leave it out, or choose another format: pg_dumpall takes large objects always.',
    });
  }
  return found;
}

/** Filters within a database. */
const FILTERS = [
  'schemas',
  'excludeSchemas',
  'tables',
  'excludeTables',
  'excludeTableData',
] as const satisfies readonly (keyof LogicalOptions)[];
