import type { LocalCloud } from './local-cloud.ts';

/** How to look around in a local cloud that stays up, as an administrator. */
export function lookAround(cloud: LocalCloud): string {
  const { environment } = cloud.principals.admin;
  // The aws command reads the authority's certificate from a variable of its own.
  const variables = { ...environment, AWS_CA_BUNDLE: environment.NODE_EXTRA_CA_CERTS ?? '' };
  const exports = Object.entries(variables).map(([name, value]) => `  export ${name}='${value}'`);
  return `
Logs are in ${cloud.directory}.
PostgreSQL's primary and standby: ${cloud.primary.host}, ports ${cloud.primary.port} and ${cloud.standby.port}.
To look around as an administrator, paste into a shell:
${exports.join('\n')}
and, for example:
  aws s3 ls --recursive s3://${cloud.bucket}
  npx holdfast list --environment ${cloud.environment}
Ctrl-C stops everything.`;
}
