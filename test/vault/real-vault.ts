import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import type { BackupVault } from '../../vault/backup-vault.ts';
import { EncryptionThreads } from '../../vault/encryption/encryption-threads.ts';
import { FRAME_BYTES } from '../../vault/encryption/message-format.ts';
import { PartPool } from '../../vault/part-pool.ts';
import { partBuffers } from '../../vault/part-size.ts';
import { lockFor } from '../../vault/retention.ts';
import { UploadLedger } from '../../vault/upload-ledger.ts';
import { type Certificates, makeCertificates } from '../local-cloud/servers/certificates.ts';
import { startRun } from '../local-cloud/servers/run.ts';
import { startVersitygw } from '../local-cloud/servers/versitygw.ts';
import { dataKeySource, rawDataKeys } from './example-message.ts';

/** S3 takes no smaller part than this, but for the last. */
export const PART_BYTES = 5 * FRAME_BYTES;

export const CLUSTER = 'orders';

export interface VaultAccess {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** PEM of the authority that signed its certificate. */
  readonly caFile: string;
  /** Of the raw key in KMS's place, hexadecimal. */
  readonly masterKey: string;
}

/** A real S3 server with Object Lock, and a vault in it. */
export interface RealVault {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly dataKeys: ReturnType<typeof rawDataKeys>;
  /** What another process needs to read it. */
  readonly access: VaultAccess;
  readonly certificates: Certificates;
  /** A vault for one backup; a label is used once. */
  backup(label: string, s3?: Pick<S3Client, 'send'>, signal?: AbortSignal): BackupVault;
  /** Keys of multipart uploads that are still open. */
  openUploads(): Promise<string[]>;
  stop(): Promise<void>;
}

/** A vault that is there already, maybe through a proxy. */
export function openVault(access: VaultAccess): Pick<RealVault, 's3' | 'bucket' | 'dataKeys'> {
  const { endpoint, region, bucket, caFile, masterKey, accessKeyId, secretAccessKey } = access;
  const s3 = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    // As the product's: an abort beside a part that is still on its way may be answered with a 500.
    maxAttempts: 5,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { httpsAgent: new Agent({ ca: readFileSync(caFile), keepAlive: true }) },
  });
  return { s3, bucket, dataKeys: rawDataKeys(Buffer.from(masterKey, 'hex')) };
}

export async function startRealVault(): Promise<RealVault> {
  const run = await startRun();
  const certificates = await makeCertificates(run);
  const server = await startVersitygw({ run, certificates });
  const access = {
    ...{ endpoint: server.endpoint, region: server.region, bucket: 'vault', ...server.root },
    ...{ caFile: certificates.caFile, masterKey: randomBytes(32).toString('hex') },
  };
  const { s3, bucket, dataKeys } = openVault(access);
  await s3.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  const threads: EncryptionThreads[] = [];
  const places = (): { parts: PartPool; encryption: EncryptionThreads } => {
    const parts = new PartPool(PART_BYTES / FRAME_BYTES, partBuffers(2));
    const encryption = new EncryptionThreads(parts.memory, 1);
    threads.push(encryption);
    return { parts, encryption };
  };
  return {
    s3,
    bucket,
    dataKeys,
    certificates,
    access,
    backup: (label, through = s3, signal = new AbortController().signal) => ({
      s3: through,
      bucket,
      cluster: CLUSTER,
      label,
      dataKeys: dataKeySource(dataKeys().keyring),
      kmsKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/mrk-0',
      lock: lockFor('COMPLIANCE', 1, new Date()),
      ...places(),
      ledger: new UploadLedger(),
      signal,
    }),
    openUploads: async () => {
      const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.map(({ Key }) => Key ?? '');
    },
    stop: async () => {
      s3.destroy();
      await Promise.all(threads.map((one) => one.stop()));
      await server.stop();
      await run.stop();
    },
  };
}
