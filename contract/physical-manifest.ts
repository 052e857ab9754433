import { z } from 'zod';
import { ArtifactStream, Bytes, uniqueBy } from './artifacts.ts';
import { Label } from './label.ts';
import { ManifestBase } from './manifest-base.ts';
import { BackupType, Instant } from './names.ts';
import { BASE_WAL, CHECKPOINTS } from './physical-options.ts';

/** A position in the WAL as PostgreSQL prints it: `0/3000028`. */
export const Lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);

/**
 * PostgreSQL's own `backup_manifest` as an artifact: the only one that a backup's role may decrypt, to rest
 * another backup on it.
 */
export const BACKUP_MANIFEST_ARTIFACT = 'backup_manifest.0001';

/** Where a base backup begins or ends. */
export const BasePoint = z.strictObject({
  lsn: Lsn,
  timeline: z.int().min(1),
  /** By the server's clock. */
  at: Instant,
});
export type BasePoint = z.infer<typeof BasePoint>;

/** A tablespace beside the data directory, as one tar. */
export const Tablespace = z.strictObject({
  oid: z.int().min(1),
  name: z.string().min(1),
  /** Where it lies on the source. */
  location: z.string().min(1),
  tar: ArtifactStream,
});
export type Tablespace = z.infer<typeof Tablespace>;

/** A file with pages whose checksums are wrong. */
export const Damage = z.strictObject({
  /** Relative to the data directory. */
  file: z.string().min(1),
  /** What pg_basebackup said of it, blocks included. */
  found: z.string().min(1),
});
export type Damage = z.infer<typeof Damage>;

/** A base backup: all of the server's files, as tars. */
export const PhysicalManifest = ManifestBase.extend({
  kind: z.literal('physical'),
  /** What it really is; the label names what was asked for. */
  type: BackupType,
  /** What an incremental or differential backup rests on: its parent, the last of these. Full first. */
  chain: z.array(Label).refine(...uniqueBy('label', (label: string) => label)),
  versions: z.strictObject({ holdfast: z.string(), pgBasebackup: z.string(), node: z.string() }),
  checkpoint: z.enum(CHECKPOINTS),
  /** Where the WAL from `start` to `stop` lies. */
  wal: z.enum(BASE_WAL),
  /** Of each tar's stream: `zstd:1`. */
  compression: z.string(),
  start: BasePoint,
  /** A server restored from it is consistent from here on. */
  stop: BasePoint,
  /** `base.tar`. */
  base: ArtifactStream,
  /** `pg_wal.tar`; `null` where `wal` is `archive`. */
  walTar: ArtifactStream.nullable(),
  /** PostgreSQL's own `backup_manifest`: one artifact, which incrementals are taken against. */
  backupManifest: ArtifactStream,
  tablespaces: z
    .array(Tablespace)
    .refine(...uniqueBy('oid', ({ oid }: z.infer<typeof Tablespace>) => oid)),
  /** What `backup_manifest` lists. */
  files: z.strictObject({ count: z.int().min(1), bytes: Bytes }),
  databases: z.array(
    z.strictObject({ name: z.string().min(1), oid: z.int().min(1), sizeBytes: Bytes }),
  ),
  /** Not empty: the server's own pages are damaged. Never a parent, and no proof of freshness. */
  damage: z.array(Damage),
});
export type PhysicalManifest = z.infer<typeof PhysicalManifest>;
