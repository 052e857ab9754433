import { parseClusterOptions } from '../../../contract/cluster-options.ts';
import {
  type EnvironmentSource,
  EnvironmentVariable,
  readVariable,
} from '../../../contract/environment-variables.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';

/** What the probe of retained WAL is told through its environment. */
export interface ProbeConfiguration {
  readonly environment: string;
  readonly cluster: string;
  readonly secretId: string;
  readonly wal: WalOptions;
}

/** @throws HoldfastError ENVIRONMENT_INVALID */
export function readProbeConfiguration(from: EnvironmentSource): ProbeConfiguration {
  const { wal } = parseClusterOptions(readVariable(from, EnvironmentVariable.ClusterOptions));
  if (wal === null) {
    throw new HoldfastError('ENVIRONMENT_INVALID', "The cluster's options name no wal.", {
      hint: 'Deploy the backup stack again: only clusters whose WAL is streamed are probed.',
    });
  }
  return {
    environment: readVariable(from, EnvironmentVariable.Environment),
    cluster: readVariable(from, EnvironmentVariable.Cluster),
    secretId: readVariable(from, EnvironmentVariable.SecretId),
    wal,
  };
}
