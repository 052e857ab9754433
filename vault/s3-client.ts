import { S3Client } from '@aws-sdk/client-s3';
import { SlicedBodies } from './sliced-bodies.ts';

/** Each of them carries a checksum of its body. */
const BODIES_OF_OURS: ReadonlySet<string> = new Set(['UploadPartCommand', 'PutObjectCommand']);

/**
 * The client that every call to the vault goes through. Endpoint, region and credentials come from
 * where the SDK finds them; tries are repeated by the SDK, with back-off, five times in all.
 *
 * Checksums are ours to give (each part carries its own), so the SDK computes none besides; nor does
 * it hash a body for the signature where TLS protects it, which costs as much as encrypting it.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function createS3Client(): S3Client {
  const client = new S3Client({
    maxAttempts: 5,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new SlicedBodies({
      connectionTimeout: 10_000,
      socketTimeout: 60_000,
      httpsAgent: { maxSockets: 32 },
    }),
  });
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as { protocol?: string; headers?: Record<string, string> };
      if (
        BODIES_OF_OURS.has(context.commandName ?? '') &&
        request.protocol === 'https:' &&
        request.headers !== undefined
      ) {
        request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      }
      return next(args);
    },
    { step: 'build', name: 'unsignedPart' },
  );
  return client;
}
