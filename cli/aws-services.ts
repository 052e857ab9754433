import { SSMClient } from '@aws-sdk/client-ssm';
import { HoldfastError } from '../contract/errors.ts';
import { kmsDataKeys } from '../vault/decryption/decryption-keyring.ts';
import { kmsDataKeySource } from '../vault/encryption/data-key.ts';
import {
  findCluster,
  findClusterState,
  findConfiguredClusters,
  findVault,
} from '../vault/parameters.ts';
import { createS3Client } from '../vault/s3-client.ts';
import { walDataKeys } from '../vault/wal/wal-data-keys.ts';
import { assertRegion } from './assert-region.ts';
import { readTaskLog } from './aws-log.ts';
import { describeEcsTask, invokeStartTask } from './aws-tasks.ts';
import type { Services } from './io.ts';

/** AWS, with the credentials and the Region that the SDK finds (AWS_PROFILE, AWS_REGION, …). */
export function awsServices(): Services {
  return {
    async openVault(environment) {
      const { bucket } = await findVault(await createSsmClient(), environment);
      return { s3: createS3Client(), bucket };
    },
    async configuredClusters(environment) {
      return findConfiguredClusters(await createSsmClient(), environment);
    },
    async dataKeysFor(environment, cluster) {
      const { kmsKeyArn } = await findCluster(await createSsmClient(), environment, cluster);
      return kmsDataKeys(kmsKeyArn);
    },
    async openWalVault(environment, cluster) {
      const ssm = await createSsmClient();
      const [{ bucket }, { kmsKeyArn }, { lock }] = await Promise.all([
        findVault(ssm, environment),
        findCluster(ssm, environment, cluster),
        findClusterState(ssm, environment, cluster),
      ]);
      if (lock === undefined) throw deployedBefore(environment, cluster);
      return {
        ...{ s3: createS3Client(), bucket, cluster, kmsKeyArn },
        dataKeys: walDataKeys(cluster, kmsDataKeySource(kmsKeyArn)),
        ...{ lockMode: lock.mode, retentionDays: lock.days },
      };
    },
    startTask: invokeStartTask,
    describeTask: describeEcsTask,
    readTaskLog,
  };
}

async function createSsmClient(): Promise<SSMClient> {
  const client = new SSMClient({ maxAttempts: 5 });
  await assertRegion(client);
  return client;
}

function deployedBefore(environment: string, cluster: string): HoldfastError {
  return new HoldfastError(
    'ENVIRONMENT_INVALID',
    `The environment "${environment}" does not say how WAL of "${cluster}" is to be locked.`,
    { hint: 'Deploy its backup stack with this version of Holdfast.' },
  );
}
