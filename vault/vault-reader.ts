import type { S3Client } from '@aws-sdk/client-s3';

/** What readers of the vault need; decryption is apart, because looking needs no key. */
export interface VaultReader {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
}
