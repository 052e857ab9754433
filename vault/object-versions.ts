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

/**
 * Every version and delete marker under a prefix, in S3's order: by key, newest first.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function* listVersions(
  from: VersionSource,
  prefix: string,
): AsyncGenerator<ObjectVersion> {
  let KeyMarker: string | undefined;
  let VersionIdMarker: string | undefined;
  for (;;) {
    const page = await from.s3
      .send(
        new ListObjectVersionsCommand({
          Bucket: from.bucket,
          Prefix: prefix,
          KeyMarker,
          VersionIdMarker,
        }),
      )
      .catch((error: unknown) => {
        throw awsError(error, 's3:ListBucketVersions', `${from.bucket}/${prefix}`);
      });
    const listed = [
      ...(page.Versions ?? []).map((version) => ({ ...version, deleteMarker: false })),
      ...(page.DeleteMarkers ?? []).map((marker) => ({
        ...marker,
        ETag: undefined,
        Size: undefined,
        deleteMarker: true,
      })),
    ];
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
