import { readFileSync } from 'node:fs';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import {
  clusterKeyParameterName,
  pushRoleName,
  pushRolePath,
} from '../../contract/environment-names.ts';
import type { Identity, LocalCloud } from './local-cloud.ts';
import type { PolicyDocument } from './policy.ts';

const DOCUMENT = new URL('../../docs/reference.md', import.meta.url);

/** Makes the role of a host that pushes its WAL, with the policy that the reference gives. */
export async function makePushRole(cloud: LocalCloud, cluster: string): Promise<Identity> {
  const { environment, region, account, bucket } = cloud;
  const ssm = new SSMClient({
    ...{ region, credentials: cloud.principals.admin },
    endpoint: cloud.principals.admin.environment.AWS_ENDPOINT_URL ?? '',
  });
  const Name = clusterKeyParameterName(environment, cluster);
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name }));
  ssm.destroy();
  const values: Readonly<Record<string, string>> = {
    ...{ environment, region, account, bucket, cluster },
    "the cluster's key": Parameter?.Value ?? '',
  };
  const [, , text = ''] =
    /^#### A host that pushes its WAL\n([\s\S]*?)```json\n([\s\S]*?)```/m.exec(
      readFileSync(DOCUMENT, 'utf8'),
    ) ?? [];
  const filled = text.replaceAll(/<([^>]+)>/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new Error(`docs/reference.md wants <${name}>, which is unknown.`);
    return value;
  });
  const name = pushRoleName(environment, cluster);
  return await cloud.makeRole({
    name,
    arn: `arn:aws:iam::${account}:role${pushRolePath()}${name}`,
    trusts: ['account'],
    policies: [JSON.parse(filled) as PolicyDocument],
  });
}
