import {
  CreateBucketCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { BucketModel } from './model.ts';
import type { Versitygw } from './servers/versitygw.ts';

/** A client that may do everything, for making buckets and for assertions. */
export function rootS3Client(server: Versitygw, caPem: string): S3Client {
  return new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    credentials: server.root,
    requestHandler: { httpsAgent: { ca: caPem } },
  });
}

/** Makes the templates' buckets on the S3 server; Object Lock brings versioning with it. */
export async function makeBuckets(
  client: S3Client,
  buckets: readonly BucketModel[],
): Promise<void> {
  for (const { name, objectLock, defaultRetention } of buckets) {
    await client.send(
      new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: objectLock }),
    );
    if (defaultRetention === undefined) continue;
    await client.send(
      new PutObjectLockConfigurationCommand({
        Bucket: name,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: {
            DefaultRetention: { Mode: defaultRetention.mode, Days: defaultRetention.days },
          },
        },
      }),
    );
  }
}
