import type { S3Client } from '@aws-sdk/client-s3';
import type { LockMode } from '../contract/names.ts';
import type { DataKeySource } from './encryption/data-key.ts';
import type { EncryptionThreads } from './encryption/encryption-threads.ts';
import type { PartPool } from './part-pool.ts';
import type { UploadLedger } from './upload-ledger.ts';

/** Everything that the writers of one backup share. */
export interface BackupVault {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  readonly cluster: string;
  readonly label: string;
  readonly dataKeys: DataKeySource;
  readonly kmsKeyArn: string;
  readonly lock: VaultLock;
  readonly parts: PartPool;
  /** They write into the memory of `parts`. */
  readonly encryption: EncryptionThreads;
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
