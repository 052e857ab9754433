import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { PatientRetries } from './patient-retries.ts';
import { SlicedBodies } from './sliced-bodies.ts';

/** Each of them carries a checksum of its body. */
const BODIES_OF_OURS: ReadonlySet<string> = new Set(['UploadPartCommand', 'PutObjectCommand']);

/** What a dump of hours ends with, if it fails. */
const WRITES = [
  CreateMultipartUploadCommand,
  UploadPartCommand,
  CompleteMultipartUploadCommand,
  PutObjectCommand,
];

/**
 * What a backup is written with: what it is made of is tried for longer than what can be done without,
 * such as ending the uploads of a run that failed, which the next one does.
 *
 * @param until patience ends with it.
 */
export function createPatientS3Client(until: AbortSignal): Pick<S3Client, 'send'> {
  const [client, patient] = [createS3Client(), createS3Client(new PatientRetries(until))];
  const send = (command: Parameters<S3Client['send']>[0], options?: object) =>
    (WRITES.some((one) => command instanceof one) ? patient : client).send(command, options);
  return { send: send as S3Client['send'] };
}

/**
 * The client that every call to the vault goes through. Endpoint, region and credentials come from
 * where the SDK finds them; a call is made by the SDK five times in all, with back-off that adds up to
 * a second or so.
 *
 * Checksums are ours to give (each part carries its own), so the SDK computes none besides; nor does
 * it hash a body for the signature where TLS protects it, which costs as much as encrypting it.
 *
 * @param retryStrategy another one than the SDK's.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function createS3Client(retryStrategy?: PatientRetries): S3Client {
  const client = new S3Client({
    ...(retryStrategy === undefined ? { maxAttempts: 5 } : { retryStrategy }),
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
