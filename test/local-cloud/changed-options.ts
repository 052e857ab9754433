import {
  buildClusterOptions,
  type ClusterOptions,
  parseClusterOptions,
} from '../../contract/cluster-options.ts';
import { taskFamily } from '../../contract/environment-names.ts';
import { EnvironmentVariable } from '../../contract/environment-variables.ts';
import type { LocalCloud } from './local-cloud.ts';

/** A cluster's options as deployed, but for some, as a variable of its tasks. */
export function changedOptions(
  { model, environment }: Pick<LocalCloud, 'model' | 'environment'>,
  cluster: string,
  change: (deployed: ClusterOptions) => Partial<ClusterOptions>,
): Record<string, string> {
  const family = taskFamily(environment, cluster);
  const definition = [...model.taskDefinitions.values()].find((one) => one.family === family);
  const deployed = parseClusterOptions(
    definition?.container.environment[EnvironmentVariable.ClusterOptions] ?? '',
  );
  return {
    [EnvironmentVariable.ClusterOptions]: buildClusterOptions({ ...deployed, ...change(deployed) }),
  };
}
