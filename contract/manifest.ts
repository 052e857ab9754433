import { z } from 'zod';
import { HoldfastError } from './errors.ts';
import { explainIssues } from './explain-issues.ts';
import { Label } from './label.ts';
import { CommonPoint, ServerFacts, Source, Tried } from './manifest-source.ts';
import {
  BackupKind,
  BackupType,
  ClusterName,
  EnvironmentName,
  Instant,
  LockMode,
} from './names.ts';
import { TaskRequest } from './request.ts';

/** Raised when a reader of the version before could misunderstand a manifest. */
export const MANIFEST_VERSION = 1;

const Bytes = z.int().min(0);
const Seconds = z.number().min(0);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** One encrypted object. */
export const Artifact = z.strictObject({
  /** Relative path within the backup; also the `artifact` of the encryption context. */
  name: z.string().min(1),
  key: z.string().min(1),
  /** The version that counts, whatever else is written under the key later. */
  versionId: z.string().min(1),
  /** S3's ETag of the object. */
  etag: z.string().min(1),
  /** Number of parts it was uploaded in. */
  parts: z.int().min(1),
  plain: z.strictObject({ bytes: Bytes, sha256: Sha256 }),
  cipher: z.strictObject({ bytes: Bytes, sha256: Sha256 }),
});
export type Artifact = z.infer<typeof Artifact>;

/** A byte stream, cut into artifacts: decrypt each and join them in this order. */
export const ArtifactStream = z.strictObject({
  artifacts: z.array(z.string()).min(1),
  bytes: Bytes,
});
export type ArtifactStream = z.infer<typeof ArtifactStream>;

/** A file of a dump's directory that has artifacts of its own. */
export const DumpFile = ArtifactStream.extend({ name: z.string().min(1) });
export type DumpFile = z.infer<typeof DumpFile>;

/** Readers look things up by name: of two with one name each could find another. */
function uniqueBy<Item>(what: string, key: (item: Item) => string | number) {
  return [
    (items: readonly Item[]) => new Set(items.map(key)).size === items.length,
    { error: `two have the same ${what}` },
  ] as const;
}

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

/** Something that a reader might expect in the backup and will not find. */
export const NotIncluded = z.strictObject({
  what: z.string(),
  why: z.string(),
  database: z.string().optional(),
});
export type NotIncluded = z.infer<typeof NotIncluded>;

/** The record that makes a backup exist. Plain JSON: names, sizes and counts, never values or secrets. */
export const Manifest = z.strictObject({
  version: z.literal(MANIFEST_VERSION),
  label: Label,
  environment: EnvironmentName,
  cluster: ClusterName,
  kind: BackupKind,
  type: BackupType,
  request: TaskRequest,
  startedAt: Instant,
  finishedAt: Instant,
  /** How many tries it took, this one included. */
  attempts: z.int().min(1),
  source: Source,
  server: ServerFacts,
  /** `null`: replay went on, and each database has a point of its own. */
  commonPoint: CommonPoint.nullable(),
  /** Which servers were tried in vain before, and why, in order. */
  tried: z.array(Tried),
  versions: z.strictObject({ holdfast: z.string(), pgDump: z.string(), node: z.string() }),
  /** `pg_dumpall --globals-only`, plain SQL. */
  globals: ArtifactStream.extend({ rolePasswords: z.boolean() }),
  databases: z
    .array(DatabaseEntry)
    .refine(...uniqueBy('name', ({ name }: DatabaseEntry) => name))
    .refine(...uniqueBy('oid', ({ oid }: DatabaseEntry) => oid)),
  /** Instead of `databases`, where it was asked for. */
  dumpAll: DumpAll.nullable(),
  notIncluded: z.array(NotIncluded),
  warnings: z.array(z.string()),
  encryption: z.strictObject({
    format: z.literal('aws-encryption-sdk'),
    algorithmSuite: z.string(),
    kmsKeyArn: z.string(),
  }),
  lock: z.strictObject({ mode: LockMode, retainUntil: Instant }),
  artifacts: z
    .array(Artifact)
    .min(1)
    .refine(...uniqueBy('name', ({ name }: Artifact) => name)),
  durations: z.record(z.string(), Seconds),
  peak: z.strictObject({ rssBytes: Bytes, spoolBytes: Bytes }),
  spool: z.strictObject({ capBytes: Bytes, punchHole: z.boolean() }),
});
export type Manifest = z.infer<typeof Manifest>;

export function buildManifest(manifest: Manifest): string {
  return `${JSON.stringify(Manifest.parse(manifest), null, 1)}\n`;
}

/**
 * Reads a manifest.
 *
 * @param where named in the error: the object's key.
 * @throws HoldfastError MANIFEST_INVALID, also for versions newer than this reader knows.
 */
export function parseManifest(text: string, where: string): Manifest {
  const value = parseJson(text, where);
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > MANIFEST_VERSION) {
    throw new HoldfastError(
      'MANIFEST_INVALID',
      `${where} is a manifest of version ${version}; this Holdfast reads up to ${MANIFEST_VERSION}.`,
      { hint: 'Use the version of Holdfast that wrote it, or a newer one.' },
    );
  }
  const parsed = Manifest.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HoldfastError(
    'MANIFEST_INVALID',
    `${where} is not a valid manifest: ${explainIssues(parsed.error)}`,
    { hint: 'Compare the object with docs/FORMAT.md; its oldest version is the one that counts.' },
  );
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError('MANIFEST_INVALID', `${where} is not JSON.`, {
      hint: 'The oldest version of the key is the one that counts: list the versions of the object.',
      cause,
    });
  }
}
