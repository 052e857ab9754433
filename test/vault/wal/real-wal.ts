import { zstdDecompressSync } from 'node:zlib';
import { buildClient, CommitmentPolicy } from '@aws-crypto/client-node';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { walDataKeys } from '../../../vault/wal/wal-data-keys.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';
import { dataKeySource } from '../example-message.ts';
import { CLUSTER, type RealVault } from '../real-vault.ts';

const client = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);

export const SYSTEM = '7431234567890123456';

/** A vault for WAL on a real S3 server. */
export function walVault(
  vault: Pick<RealVault, 's3' | 'bucket' | 'dataKeys'>,
  more: Partial<WalVault> = {},
): WalVault {
  const cluster = more.cluster ?? CLUSTER;
  return {
    s3: vault.s3,
    bucket: vault.bucket,
    cluster,
    dataKeys: walDataKeys(cluster, dataKeySource(vault.dataKeys().keyring)),
    kmsKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/mrk-0',
    systemIdentifier: SYSTEM,
    lockMode: 'COMPLIANCE',
    retentionDays: 35,
    ...more,
  };
}

/** What an object says of itself, and its plain text, read by the stock implementation of the format. */
export interface ReadWal {
  readonly metadata: Record<string, string>;
  readonly context: Record<string, string>;
  readonly plain: Buffer;
}

export async function readWal(
  vault: Pick<RealVault, 'bucket' | 'dataKeys'> & { readonly s3: Pick<S3Client, 'send'> },
  key: string,
): Promise<ReadWal> {
  const { Body, Metadata } = await vault.s3.send(
    new GetObjectCommand({ Bucket: vault.bucket, Key: key }),
  );
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
  const { plaintext, messageHeader } = await client.decrypt(vault.dataKeys().keyring, bytes);
  return {
    metadata: Metadata ?? {},
    context: { ...messageHeader.encryptionContext },
    plain: Metadata?.compression === 'zstd' ? zstdDecompressSync(plaintext) : plaintext,
  };
}
