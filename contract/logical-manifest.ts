import { z } from 'zod';
import { ArtifactStream, Bytes, uniqueBy } from './artifacts.ts';
import { ManifestBase } from './manifest-base.ts';
import { CommonPoint } from './manifest-source.ts';
import { Instant } from './names.ts';

/** A file of a dump's directory that has artifacts of its own. */
export const DumpFile = ArtifactStream.extend({ name: z.string().min(1) });
export type DumpFile = z.infer<typeof DumpFile>;

/** What is known of a database, whatever it was written as. */
const DatabaseFacts = z.strictObject({
  name: z.string().min(1),
  oid: z.int().min(1),
  /** `pg_database_size` when the dump began. */
  sizeBytes: Bytes,
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** `libc`, `icu` or `builtin`. */
  localeProvider: z.string(),
  /** ICU's or the built-in provider's; `null` where `collate` says it all. */
  locale: z.string().nullable(),
  /**
   * Of the provider's sort order, when the database was made and on the server at the backup; `null`:
   * it has none.
   */
  collationVersion: z.strictObject({
    recorded: z.string().nullable(),
    actual: z.string().nullable(),
  }),
  /** When the snapshot that the dump shows was taken, by the source's clock. */
  snapshotAt: Instant,
  /** Replay (replica) or insert (primary) position when the snapshot was taken. */
  snapshotLsn: z.string(),
  /** The newest commit that the snapshot can show is no older than this: `snapshotAt` less the lag. */
  dataAsOf: Instant.nullable(),
  compression: z.string(),
  extensions: z.array(z.strictObject({ name: z.string(), version: z.string() })),
});

/** Counts out of the dump's table of contents. */
const Contents = z.strictObject({
  tocEntries: z.int().min(0),
  tableData: z.int().min(0),
  largeObjects: z.int().min(0),
});

/** `pg_dump --format=directory`: many files. */
export const DirectoryEntry = DatabaseFacts.extend({
  format: z.literal('directory'),
  contents: Contents,
  /** A tar stream of all files that are not in `files`. */
  pack: ArtifactStream.extend({
    /** Names of the packed files but for single large objects, which are only counted. */
    files: z.array(z.string()),
    largeObjectFiles: z.int().min(0),
  }),
  /** Big files, each with artifacts of its own. */
  files: z.array(DumpFile).refine(...uniqueBy('name', ({ name }: DumpFile) => name)),
});
export type DirectoryEntry = z.infer<typeof DirectoryEntry>;

/** `pg_dump --format=custom`: one archive. */
export const CustomEntry = DatabaseFacts.extend({
  format: z.literal('custom'),
  contents: Contents,
  dump: ArtifactStream,
});
export type CustomEntry = z.infer<typeof CustomEntry>;

/** `pg_dump --format=plain`: SQL for psql, compressed afterwards; nothing in it can be counted. */
export const PlainEntry = DatabaseFacts.extend({
  format: z.literal('plain'),
  dump: ArtifactStream,
  /**
   * A custom archive of the same snapshot's schema: says what plain SQL does not, which is how the
   * database was made, its own grants and settings, and the roles that it needs.
   */
  schema: ArtifactStream,
});
export type PlainEntry = z.infer<typeof PlainEntry>;

export const DatabaseEntry = z.discriminatedUnion('format', [
  DirectoryEntry,
  CustomEntry,
  PlainEntry,
]);
export type DatabaseEntry = z.infer<typeof DatabaseEntry>;

/** Everything as one plain SQL of `pg_dumpall`, compressed afterwards. */
export const DumpAll = ArtifactStream.extend({
  compression: z.string(),
  databases: z.array(DatabaseFacts.pick({ name: true, oid: true, sizeBytes: true })).min(1),
  /** When it began, by the task's clock: each database's snapshot was taken later. */
  startedAt: Instant,
  /** `startedAt` less the replay lag at that time; `null` when the lag is unknown. */
  dataAsOf: Instant.nullable(),
});
export type DumpAll = z.infer<typeof DumpAll>;

/** All streams that a database's dump is made of. */
export function streamsOf(entry: DatabaseEntry): ArtifactStream[] {
  switch (entry.format) {
    case 'directory':
      return [entry.pack, ...entry.files];
    case 'custom':
      return [entry.dump];
    case 'plain':
      return [entry.dump, entry.schema];
  }
}

/** Dumps of databases, and of what they share. */
export const LogicalManifest = ManifestBase.extend({
  kind: z.literal('logical'),
  type: z.literal('full'),
  /** `null`: replay went on, and each database has a point of its own. */
  commonPoint: CommonPoint.nullable(),
  versions: z.strictObject({ holdfast: z.string(), pgDump: z.string(), node: z.string() }),
  /** `pg_dumpall --globals-only`, plain SQL. */
  globals: ArtifactStream.extend({ rolePasswords: z.boolean() }),
  databases: z
    .array(DatabaseEntry)
    .refine(...uniqueBy('name', ({ name }: DatabaseEntry) => name))
    .refine(...uniqueBy('oid', ({ oid }: DatabaseEntry) => oid)),
  /** Instead of `databases`, where it was asked for. */
  dumpAll: DumpAll.nullable(),
});
export type LogicalManifest = z.infer<typeof LogicalManifest>;
