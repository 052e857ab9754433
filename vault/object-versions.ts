import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { awsError } from './aws-errors.ts';

/** One version of a key, or a delete marker over it. */
export interface ObjectVersion {
  readonly key: string;
  readonly versionId: string;
  readonly etag: string | undefined;
  readonly bytes: number | undefined;
  readonly lastModified: Date;
  readonly deleteMarker: boolean;
}

/** Where versions are listed from. */
export interface VersionSource {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
}

export interface ListOptions {
  /** Where to begin: keys that sort after this one. */
  readonly after?: string | undefined;
  /**
   * Given, keys with another `/` after the prefix are not listed one by one: it is told of each such
   * folder instead, its `/` included.
   */
  readonly onFolder?: ((prefix: string) => void) | undefined;
}

/**
 * Every version and delete marker under a prefix, by key, as S3 orders them: its versions newest first.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function* listVersions(
  from: VersionSource,
  prefix: string,
  { after, onFolder }: ListOptions = {},
): AsyncGenerator<ObjectVersion> {
  let KeyMarker = after;
  let VersionIdMarker: string | undefined;
  for (;;) {
    const page = await from.s3
      .send(
        new ListObjectVersionsCommand({
          Bucket: from.bucket,
          Prefix: prefix,
          ...(onFolder === undefined ? {} : { Delimiter: '/' }),
          KeyMarker,
          VersionIdMarker,
        }),
      )
      .catch((error: unknown) => {
        throw awsError(error, 's3:ListBucketVersions', `${from.bucket}/${prefix}`);
      });
    for (const { Prefix } of page.CommonPrefixes ?? []) {
      if (Prefix !== undefined) onFolder?.(Prefix);
    }
    const listed = [
      ...(page.Versions ?? []).map((version) => ({ ...version, deleteMarker: false })),
      ...(page.DeleteMarkers ?? []).map((marker) => ({
        ...marker,
        ETag: undefined,
        Size: undefined,
        deleteMarker: true,
      })),
    ];
    // An answer has all versions first and all markers after them: sorted, a key's stand together.
    if (page.DeleteMarkers?.length) listed.sort((a, b) => compareKeys(a.Key, b.Key));
    for (const { Key, VersionId, ETag, Size, LastModified, deleteMarker } of listed) {
      if (Key === undefined || VersionId === undefined) continue;
      yield {
        key: Key,
        versionId: VersionId,
        etag: ETag,
        bytes: Size,
        lastModified: LastModified ?? new Date(0),
        deleteMarker,
      };
    }
    if (page.IsTruncated !== true) return;
    KeyMarker = page.NextKeyMarker;
    VersionIdMarker = page.NextVersionIdMarker;
  }
}

function compareKeys(a = '', b = ''): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** The version of exactly this key that was written first, and so the one that counts. */
export async function oldestVersion(
  from: VersionSource,
  key: string,
): Promise<ObjectVersion | undefined> {
  let oldest: ObjectVersion | undefined;
  for await (const version of listVersions(from, key)) {
    // S3 lists a key's versions newest first, so the last one seen is the oldest.
    if (version.key === key && !version.deleteMarker) oldest = version;
  }
  return oldest;
}
