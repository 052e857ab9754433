import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { HoldfastError } from '../../../contract/errors.ts';
import { walSlotName } from '../../../contract/wal-slot.ts';
import { kmsDataKeySource } from '../../../vault/encryption/data-key.ts';
import { createS3Client } from '../../../vault/s3-client.ts';
import { walDataKeys } from '../../../vault/wal/wal-data-keys.ts';
import type { Log } from '../log.ts';
import type { StreamerConfiguration } from '../task-configuration.ts';
import { takeLease } from './lease.ts';
import { streamWal } from './stream-wal.ts';
import { WalProgress } from './wal-progress.ts';
import { walServers } from './wal-servers.ts';

/** One answer of a renewal must not outlast the lease. */
const IMPATIENT = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 2_000, socketTimeout: 3_000, requestTimeout: 3_000 },
} as const;

/**
 * The task of a cluster's streamer: waits for its lease, and then streams for as long as it has it.
 *
 * @throws HoldfastError always: why it ended.
 */
export async function runStreamer(
  task: StreamerConfiguration,
  log: Log,
  signal: AbortSignal,
): Promise<never> {
  const { cluster, environment, options } = task;
  const { wal } = options;
  if (wal === null) {
    throw new HoldfastError('ENVIRONMENT_INVALID', `The cluster ${cluster} has no "wal".`, {
      hint: 'Deploy the backup stack of the same version as the image.',
    });
  }
  const progress = new WalProgress();
  const stopTelling = progress.tellRegularly(log, environment, cluster);
  const client = new DynamoDBClient(IMPATIENT);
  const lease = await takeLease({
    ...{ client, table: task.leaseTable, cluster, log, signal },
    owner: randomUUID(),
  });
  try {
    const slotName = walSlotName(environment, cluster);
    return await streamWal({
      servers: walServers({ secretId: task.secretId, applicationName: slotName, log }),
      slotName,
      wal,
      vault: {
        s3: createS3Client(),
        bucket: task.bucket,
        cluster,
        dataKeys: walDataKeys(cluster, kmsDataKeySource(task.kmsKeyArn)),
        kmsKeyArn: task.kmsKeyArn,
        lockMode: options.lockMode,
        retentionDays: options.retentionDays,
      },
      log,
      progress,
      signal: AbortSignal.any([signal, lease.lost]),
    });
  } finally {
    progress.tell(log, environment, cluster);
    stopTelling();
    await lease.release();
  }
}
