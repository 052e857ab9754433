import { z } from 'zod';

export const Bytes = z.int().min(0);
export const Seconds = z.number().min(0);
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

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

/** Readers look things up by name: of two with one name each could find another. */
export function uniqueBy<Item>(what: string, key: (item: Item) => string | number) {
  return [
    (items: readonly Item[]) => new Set(items.map(key)).size === items.length,
    { error: `two have the same ${what}` },
  ] as const;
}
