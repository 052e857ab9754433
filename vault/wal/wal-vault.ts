import type { S3Client } from '@aws-sdk/client-s3';
import type { LockMode } from '../../contract/names.ts';
import type { WalDataKeys } from './wal-data-keys.ts';

/** Everything that the writers of one server's WAL share. */
export interface WalVault {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  readonly cluster: string;
  readonly dataKeys: WalDataKeys;
  readonly kmsKeyArn: string;
  /** Of the server whose WAL it is. */
  readonly systemIdentifier: string;
  readonly lockMode: LockMode;
  /** Lock of all but increments. Days. */
  readonly retentionDays: number;
  /** Aborting it ends writes under way. */
  readonly signal?: AbortSignal;
}
