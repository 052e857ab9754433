import { execa } from 'execa';
import type { QueryResult } from 'pg';
import type { HoldfastResult } from './holdfast-command.ts';
import type { LocalCloud } from './local-cloud.ts';
import { LIMITS } from './platform/images.ts';
import { CA_PATH } from './platform/tasks.ts';
import { podman, removeContainer } from './servers/container.ts';
import { freePort } from './servers/free-port.ts';
import type { PostgresServer } from './servers/postgres.ts';

/** Where there is room for data directories, in the image. */
export const ROOM = '/spool';

/** A restored server that runs, seen through its socket: it lets nobody in from elsewhere. */
export type RestoredServer = Pick<PostgresServer, 'query' | 'stop'> & {
  readonly port: number;
};

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
}

/** Where a server that runs in a restore machine is found. */
export interface ServerAddress {
  /** Its data. */
  readonly directory: string;
  readonly socketDirectory: string;
  readonly port: number;
}

/** A machine of a person who restores: the task's image, under the restore role. */
export interface RestoreMachine {
  /** The container's name. */
  readonly container: string;
  holdfast(args: readonly string[], options?: RunOptions): Promise<HoldfastResult>;
  /** Restores its cluster into a directory of this name, and starts what came of it. */
  restore(name: string, target: readonly string[]): Promise<RestoredServer>;
  /** Restores its cluster into a directory of this name, as a standby of a server, and starts it. */
  follow(name: string, primary: PostgresServer, slot: string): Promise<RestoredServer>;
  /** Runs a program, whatever becomes of it. */
  run(command: readonly string[], options?: RunOptions): Promise<HoldfastResult>;
  /** Starts a data directory as it lies there. */
  start(directory: string): Promise<RestoredServer>;
  /** A server that runs there, reached through a socket. */
  connect(address: ServerAddress): RestoredServer;
  stop(): Promise<void>;
}

export interface RestoreMachineOptions {
  /** Whose image it is, and what is restored there. */
  readonly cluster: string;
  readonly major: number;
  /** As `--volume` takes them. @default none */
  readonly volumes?: readonly string[];
}

export async function startRestoreMachine(
  cloud: LocalCloud,
  { cluster, major, volumes = [] }: RestoreMachineOptions,
): Promise<RestoreMachine> {
  const container = `holdfast-${cloud.run}-restore-${cluster}`;
  const image = await cloud.imageOf(cluster);
  await podman([
    ...['--runtime', 'runc', 'run', '--detach', '--pull', 'never', '--network', 'host'],
    ...['--http-proxy=false', '--log-driver', 'none', '--label', `holdfast.run=${cloud.run}`],
    ...LIMITS,
    ...['--name', container],
    ...[`${cloud.caFile}:${CA_PATH}:ro`, ...volumes].flatMap((volume) => ['--volume', volume]),
    ...[image, 'sleep', 'infinity'],
  ]);
  const inside: RestoreMachine['run'] = async (command, { env = {} } = {}) => {
    const names = Object.keys(env).flatMap((variable) => ['--env', variable]);
    const { exitCode, stdout, stderr } = await execa(
      'podman',
      ['exec', ...names, container, ...command],
      { env, reject: false },
    );
    return { exitCode: exitCode ?? 255, stdout, stderr };
  };
  const bin = `/usr/lib/postgresql/${major}/bin`;
  const holdfast: RestoreMachine['holdfast'] = async (args, more = {}) =>
    await inside(['holdfast', ...args], {
      env: {
        HOLDFAST_ENVIRONMENT: cloud.environment,
        ...cloud.principals.restore.environment,
        NODE_EXTRA_CA_CERTS: CA_PATH,
        ...more.env,
      },
    });
  const restore = async (
    name: string,
    args: readonly string[],
    more?: RunOptions,
  ): Promise<RestoredServer> => {
    const directory = `${ROOM}/${name}`;
    const { exitCode, stderr } = await holdfast(
      ['restore', '--kind', 'physical', '--cluster', cluster, '--directory', directory, ...args],
      more,
    );
    if (exitCode !== 0) throw new Error(`holdfast restore ended with ${exitCode}: ${stderr}`);
    return await start(directory);
  };
  const connect: RestoreMachine['connect'] = ({ directory, socketDirectory, port }) => ({
    port,
    query: async (sql, { database = 'postgres' } = {}) => {
      const asked = /^\s*(select|with)\b/i.test(sql)
        ? `select coalesce(json_agg(answered), '[]') from (${sql}) answered`
        : sql;
      const { exitCode, stdout, stderr } = await inside([
        ...['psql', '-h', socketDirectory, '-p', String(port), '-U', 'postgres', '-d', database],
        ...['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', asked],
      ]);
      if (exitCode !== 0) throw new Error(`${sql}: ${stderr}`);
      return { rows: asked === sql ? [] : JSON.parse(stdout) } as unknown as QueryResult;
    },
    stop: async () => {
      await inside([`${bin}/pg_ctl`, '-D', directory, '-w', '-m', 'fast', 'stop']);
    },
  });
  const start: RestoreMachine['start'] = async (directory) => {
    const port = await freePort();
    const log = `${directory}.log`;
    const script = `${bin}/pg_ctl -D "$1" -w -t 120 -o "-p $2 -k /tmp -c ssl=off" -l "$3" start >/dev/null 2>&1 || { cat "$3" >&2; exit 1; }`;
    const started = await inside(['sh', '-c', script, 'sh', directory, String(port), log]);
    if (started.exitCode !== 0) throw new Error(`${directory}: ${started.stderr}`);
    return connect({ directory, socketDirectory: '/tmp', port });
  };
  return {
    container,
    run: inside,
    holdfast,
    start,
    connect,
    restore: (name, target) => restore(name, target),
    follow: (name, primary, slot) =>
      restore(name, ['--standby', '--slot', slot, '--ca', CA_PATH], {
        env: { HOLDFAST_RESTORE_URI: primary.uri },
      }),
    stop: () => removeContainer(container),
  };
}
