import type { LocalCloud } from './local-cloud.ts';

/** How to look around in a local cloud that stays up, as an administrator. */
export function lookAround(cloud: LocalCloud): string {
  const { environment } = cloud.principals.admin;
  // The aws command reads the authority's certificate, and its version 1 the Region, from variables
  // of their own.
  const variables = {
    ...environment,
    AWS_DEFAULT_REGION: environment.AWS_REGION ?? '',
    AWS_CA_BUNDLE: environment.NODE_EXTRA_CA_CERTS ?? '',
  };
  const exports = Object.entries(variables).map(([name, value]) => `  export ${name}='${value}'`);
  return `
Logs are in ${cloud.directory}.
PostgreSQL, as superuser:
  primary: psql '${forShell(cloud.primary.uri)}&sslrootcert=${environment.NODE_EXTRA_CA_CERTS ?? ''}'
  standby: psql '${forShell(cloud.standby.uri)}&sslrootcert=${environment.NODE_EXTRA_CA_CERTS ?? ''}'
To look around as an administrator, paste into a shell:
${exports.join('\n')}
and, for example:
  aws s3 ls --recursive s3://${cloud.bucket}
  npx holdfast list --environment ${cloud.environment}
  aws lambda invoke --function-name holdfast_${cloud.environment}_start-task --payload "$(printf '{"action":"backup","cluster":"orders","kind":"logical"}' | base64)" answer.json
Ctrl-C stops everything.`;
}

/** A URI between single quotes. */
function forShell(uri: string): string {
  return uri.replaceAll("'", '%27');
}
