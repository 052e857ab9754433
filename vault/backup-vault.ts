import type { KeyringNode } from '@aws-crypto/client-node';
import type { S3Client } from '@aws-sdk/client-s3';
import type { LockMode } from '../contract/names.ts';
import type { PartPool } from './part-pool.ts';
import type { UploadLedger } from './upload-ledger.ts';

/** Everything that the writers of one backup share. */
export interface BackupVault {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  readonly cluster: string;
  readonly label: string;
  readonly keyring: KeyringNode;
  readonly kmsKeyArn: string;
  readonly lock: VaultLock;
  readonly parts: PartPool;
  /** Uploads to be aborted when the run fails. */
  readonly ledger: UploadLedger;
  /** Aborting it ends every upload under way. */
  readonly signal: AbortSignal;
}

/** The lock that each write carries explicitly. */
export interface VaultLock {
  readonly mode: LockMode;
  readonly retainUntil: Date;
}
