import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { taskFamily } from '../../contract/environment-names.ts';
import {
  type ContainerOptions,
  createVolume,
  removeContainer,
  runContainer,
} from '../local-cloud/platform/container.ts';
import { CA_PATH } from '../local-cloud/platform/tasks.ts';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';
import { type BenchCloud, CLUSTER } from './bench-cloud.ts';

/** What a script may have that is not the task's. */
export interface ContainerExtras {
  /** @default the task's */
  readonly image?: string;
  /** @default the image's */
  readonly user?: string;
  /** Volume for `/spool` that outlives the script. @default one of its own */
  readonly volume?: string;
  readonly mounts?: ContainerOptions['mounts'];
  /** @default the task's: its root is read-only */
  readonly readOnly?: boolean;
}

/** Runs a script as the backup's task runs: same image, same limits, a volume of its own. Seconds. */
export async function inContainer(
  { cloud, tools }: BenchCloud,
  script: string,
  environment: Readonly<Record<string, string>>,
  extras: ContainerExtras = {},
): Promise<number> {
  const family = taskFamily(cloud.environment, CLUSTER);
  const definition = [...cloud.model.taskDefinitions.values()].find((one) => one.family === family);
  if (definition === undefined) throw new Error(`The templates have no task ${family}.`);
  const { image = cloud.image, user, volume: kept, mounts = [] } = extras;
  const name = `holdfast-${cloud.run}-bench-${randomBytes(4).toString('hex')}`;
  const logFile = join(cloud.directory, `${name}.log`);
  const began = performance.now();
  const volume = kept ?? `${name}-spool`;
  if (kept === undefined) await createVolume(volume, cloud.run);
  let exitCode: number;
  try {
    ({ exitCode } = await runContainer(
      {
        name,
        image,
        ...(user === undefined ? {} : { user }),
        run: cloud.run,
        environment: {
          ...environment,
          PATH: '/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin',
        },
        command: ['bash', '-c', script],
        memoryMiB: definition.memoryMiB,
        cpu: definition.cpu,
        readOnly: extras.readOnly ?? definition.container.readOnly,
        mounts: [
          { from: cloud.caFile, path: CA_PATH, readOnly: true },
          { from: tools, path: '/bench-tools', readOnly: false },
          { from: volume, path: '/spool', readOnly: false },
          ...mounts,
        ],
      },
      logFile,
    ));
  } finally {
    await removeContainer(name, kept === undefined ? [volume] : []);
  }
  const seconds = (performance.now() - began) / 1000;
  if (exitCode === 0) return seconds;
  throw new Error(`${script} ended with ${exitCode}: ${readFileSync(logFile, 'utf8')}`);
}

/** How libpq reaches a server, over TLS. */
export function libpqEnvironment(
  { host, port }: Pick<PostgresServer, 'host' | 'port'>,
  user: string,
  password: string,
): Record<string, string> {
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: CA_PATH,
  };
}

/** The same for its superuser. */
export function superuserEnvironment(server: PostgresServer): Record<string, string> {
  const { username, password } = new URL(server.uri);
  return libpqEnvironment(server, username, decodeURIComponent(password));
}
