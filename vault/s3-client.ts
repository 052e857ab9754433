import { S3Client } from '@aws-sdk/client-s3';

/**
 * The client that every call to the vault goes through. Endpoint, region and credentials come from
 * where the SDK finds them; tries are repeated by the SDK, with back-off, five times in all.
 *
 * Checksums are ours to give (each part carries its own), so the SDK computes none besides.
 */
export function createS3Client(): S3Client {
  return new S3Client({
    maxAttempts: 5,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 10_000,
      socketTimeout: 60_000,
      httpsAgent: { maxSockets: 32 },
    },
  });
}
