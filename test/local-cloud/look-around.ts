import { PODMAN_RUN } from './holdfast-command.ts';
import type { LocalCloud } from './local-cloud.ts';
import { CA_PATH } from './platform/tasks.ts';
import type { Postgres, PostgresServer } from './servers/postgres.ts';

/** A cluster's servers, and what its tasks run. */
export interface ClusterServers extends Pick<Postgres, 'primary' | 'standby'> {
  readonly image: string;
  /** Nobody's source, to restore a whole server into. @default none */
  readonly empty?: PostgresServer | undefined;
}

/**
 * How to look around in a local cloud that stays up: as an administrator, who may do all but read
 * a backup, and under the restore role, which may do nothing else.
 *
 * @param servers by cluster, the first cluster first.
 */
export function lookAround(
  cloud: LocalCloud,
  servers: Readonly<Record<string, ClusterServers>> = { orders: cloud },
): string {
  const { caFile, environment, principals } = cloud;
  const [cluster = ''] = Object.keys(servers);
  const invoke = `aws lambda invoke --function-name holdfast_${environment}_start-task`;
  const payload = `--payload '{"action":"backup","cluster":"${cluster}","kind":"logical"}' ${cloud.directory}/answer.json`;
  return `
Logs are in ${cloud.directory}.
PostgreSQL, as superuser:
${psqlLines(servers, caFile)}

To back up and look, as an administrator, paste into a shell in this directory:
${exportsOf({ ...forAwsCommand(principals.admin.environment), HOLDFAST_ENVIRONMENT: environment })}
and, for example:
  npx holdfast backup --cluster ${cluster}
  npx holdfast list
  aws s3 ls --recursive s3://${cloud.bucket}
  ${invoke} ${payload}    # version 1 of the aws command
  ${invoke} --cli-binary-format raw-in-base64-out ${payload}    # version 2
The mails so far:
  curl --silent --data '{}' ${principals.admin.environment.AWS_ENDPOINT_URL ?? ''}/holdfast/published | sed 's/\\\\n/\\n/g'

To restore, under the restore role, paste into another shell:
${exportsOf(restoreVariables(cloud))}
then the lines of one of the clusters, and, for example, the latest backup's database "shop" beside the original:
${Object.entries(servers)
  .map(([name, of]) => restoreBlock(cloud, name, of))
  .join('\n')}
With --tty before "$IMAGE", and bash in the place of holdfast and what follows, it is a shell in the task's image.

Ctrl-C stops everything; so does, from elsewhere: kill -INT ${process.pid}`;
}

function psqlLines(servers: Readonly<Record<string, ClusterServers>>, caFile: string): string {
  const psql = ({ uri }: PostgresServer) => `psql '${forShell(uri)}&sslrootcert=${caFile}'`;
  return Object.entries(servers)
    .flatMap(([name, { primary, standby, empty }]) => [
      `  ${name}, primary: ${psql(primary)}`,
      `  ${name}, standby: ${psql(standby)}`,
      ...(empty === undefined ? [] : [`  ${name}, empty: ${psql(empty)}`]),
      `  ${name}, the password as it is: ${passwordOf(primary)}`,
    ])
    .join('\n');
}

/** One cluster's image and server, and its restore. */
function restoreBlock(
  cloud: LocalCloud,
  cluster: string,
  { primary, empty, image }: ClusterServers,
): string {
  const variables = { IMAGE: image, [URI_VARIABLE]: primary.uri };
  const command = `holdfast restore --cluster ${cluster} --database shop --into shop_restored`;
  return [
    `  # ${cluster}`,
    exportsOf(variables),
    `  ${restoreLine(cloud, command)}`,
    ...(empty === undefined
      ? []
      : [`  # --all goes into the empty one: export ${URI_VARIABLE}='${forShell(empty.uri)}'`]),
  ].join('\n');
}

function passwordOf({ uri }: PostgresServer): string {
  return decodeURIComponent(new URL(uri).password);
}

/** What every restore takes, wherever it runs. */
function restoreVariables({ environment, principals }: LocalCloud): Variables {
  return { ...principals.restore.environment, HOLDFAST_ENVIRONMENT: environment };
}

/** A command in the task's image, under the variables of the shell that it is pasted into. */
function restoreLine(cloud: LocalCloud, command: string): string {
  const names = Object.keys(restoreVariables(cloud)).filter((name) => name !== CA_VARIABLE);
  names.push(URI_VARIABLE);
  return [
    'podman',
    ...PODMAN_RUN,
    ...['--label', `holdfast.run=${cloud.run}`, '--volume', `${cloud.caFile}:${CA_PATH}:ro`],
    ...names.flatMap((name) => ['--env', name]),
    ...['--env', `${CA_VARIABLE}=${CA_PATH}`, '--env', `PGSSLROOTCERT=${CA_PATH}`],
    '"$IMAGE"',
    command,
  ].join(' ');
}

type Variables = Readonly<Record<string, string>>;

const CA_VARIABLE = 'NODE_EXTRA_CA_CERTS';
const URI_VARIABLE = 'HOLDFAST_RESTORE_URI';

/** It reads the authority's certificate, and its version 1 the Region, from variables of their own. */
function forAwsCommand(environment: Variables): Variables {
  return {
    ...environment,
    AWS_DEFAULT_REGION: environment.AWS_REGION ?? '',
    AWS_CA_BUNDLE: environment[CA_VARIABLE] ?? '',
  };
}

function exportsOf(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) => `  export ${name}='${forShell(value)}'`)
    .join('\n');
}

/** A URI, or another value without quotes, between single quotes. */
function forShell(value: string): string {
  return value.replaceAll("'", '%27');
}
