/** `node test/local-cloud/up.ts`: starts the local cloud and stays until Ctrl-C. */
import { startLocalCloud } from './local-cloud.ts';

const cloud = await startLocalCloud({ log: console.log });
const { environment } = cloud.principals.admin;
// The aws command reads the authority's certificate from a variable of its own.
const variables = Object.entries({
  ...environment,
  AWS_CA_BUNDLE: environment.NODE_EXTRA_CA_CERTS ?? '',
});
console.log(`
Logs are in ${cloud.directory}.
PostgreSQL's primary and standby: ${cloud.primary.host}, ports ${cloud.primary.port} and ${cloud.standby.port}.
To look around as an administrator, paste into a shell:
${variables.map(([name, value]) => `  export ${name}='${value}'`).join('\n')}
and, for example, list the vault: aws s3 ls --recursive s3://${cloud.bucket}
Ctrl-C stops everything.`);
// The servers are processes of their own: something has to keep this one alive.
setInterval(() => undefined, 1 << 30);
