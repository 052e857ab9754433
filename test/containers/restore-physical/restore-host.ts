import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { execa } from 'execa';
import {
  containerArguments,
  podman,
  postgresBaseImage,
  removeContainer,
} from '../../local-cloud/servers/container.ts';
import { freePort } from '../../local-cloud/servers/free-port.ts';
import type { Run } from '../../local-cloud/servers/run.ts';
import type { RealVault } from '../../vault/real-vault.ts';
import type { TestAccess } from './holdfast-of-test.ts';

const NODE = fileURLToPath(new URL('../../../node_modules/node/bin/node', import.meta.url));
const COMMAND = fileURLToPath(new URL('./holdfast-of-test.ts', import.meta.url));
const THREAD = fileURLToPath(
  new URL('../../../containers/runner/restore-physical/unpack-thread.ts', import.meta.url),
);
/** In the container: where the server's user may make directories. */
export const HOME = '/var/lib/postgresql';

export interface Answer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HostOptions {
  /** Changes what the command is told of the vault. */
  readonly access?: Partial<TestAccess>;
  readonly env?: Readonly<Record<string, string>>;
}

/** A machine with the server's programs and the `holdfast` command, on which a server is restored. */
export interface RestoreHost {
  readonly container: string;
  /** Runs a program as the server's user, whatever becomes of it. */
  run(command: readonly string[], options?: HostOptions): Promise<Answer>;
  /** The same of the `holdfast` command, on the cluster `orders`. */
  holdfast(args: readonly string[], options?: HostOptions): Promise<Answer>;
  /**
   * Runs the command until it says that its server is up, asks that, and ends the command: in a working
   * directory that the server's user may not enter, as one that sudo leaves as it is. It prints the answer,
   * the exit status, and what the command has.
   */
  lookAt(args: readonly string[], sql: string): Promise<Answer>;
  /** Starts a data directory as it lies there, runs one of PostgreSQL's programs against it, and stops it. */
  serve(directory: string, command: readonly string[]): Promise<string>;
  /** The same with a query. */
  ask(directory: string, sql: string): Promise<string>;
  stop(): Promise<void>;
}

/** What a container needs to be such a machine, as `--volume` takes it. */
export async function hostVolumes(
  run: Pick<Run, 'directory'>,
  { access: { caFile } }: Pick<RealVault, 'access'>,
): Promise<string[]> {
  const bundles = join(run.directory, 'bundles');
  await build({
    entryPoints: [
      { in: COMMAND, out: 'holdfast' },
      { in: THREAD, out: 'unpack-thread' },
    ],
    outdir: bundles,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['pg-native'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return [
    `${NODE}:/usr/local/bin/node:ro`,
    ...['holdfast.mjs', 'unpack-thread.mjs'].map(
      (name) => `${join(bundles, name)}:/opt/${name}:ro`,
    ),
    `${caFile}:${caFile}:ro`,
  ];
}

/** Starts a machine on which there is nothing but the programs. */
export async function startRestoreHost(
  run: Pick<Run, 'id' | 'directory'>,
  vault: Pick<RealVault, 'access'>,
  { major = 17, name = 'restore-host' }: { readonly major?: number; readonly name?: string } = {},
): Promise<RestoreHost> {
  const container = `holdfast-${run.id}-${name}`;
  const volumes = await hostVolumes(run, vault);
  await podman([
    ...containerArguments(run),
    ...['--detach', '--name', container],
    ...volumes.flatMap((volume) => ['--volume', volume]),
    ...[postgresBaseImage(major), 'sleep', 'infinity'],
  ]);
  return restoreHostIn(container, vault, major);
}

/** Makes a machine of a container with these volumes, whatever else runs in it. */
export function restoreHostIn(
  container: string,
  vault: Pick<RealVault, 'access'>,
  major = 17,
): RestoreHost {
  const bin = `/usr/lib/postgresql/${major}/bin`;
  const inside: RestoreHost['run'] = async (command, { access = {}, env = {} } = {}) => {
    const variables = {
      ...{ VAULT: JSON.stringify({ ...vault.access, ...access }), HOLDFAST_ENVIRONMENT: 'test' },
      ...{ HOME, NODE_COMPILE_CACHE: '/tmp/compiled', ...env },
    };
    const { exitCode, stdout, stderr } = await execa(
      'podman',
      [
        ...['exec', '--user', 'postgres', '--workdir', HOME],
        ...Object.keys(variables).flatMap((key) => ['--env', key]),
        ...[container, ...command],
      ],
      { env: variables, reject: false },
    );
    return { exitCode: exitCode ?? 255, stdout, stderr };
  };
  const serve: RestoreHost['serve'] = async (directory, command) => {
    const port = await freePort();
    // By itself, as a person would start it: what keeps it quarantined lies in the directory.
    const script = `export PATH=${bin}:$PATH PGPORT=$2 PGUSER=postgres; data=$1; shift 2
pg_ctl -D "$data" -w -t 60 -o "-p $PGPORT -c ssl=off -c unix_socket_directories=/tmp" -l /tmp/served.log start >/tmp/served.out 2>&1 || { cat /tmp/served.log >&2; exit 1; }
PGHOST=/tmp "$@"; status=$?
pg_ctl -D "$data" -w -m fast stop >/tmp/served.out 2>&1
exit $status`;
    const answer = await inside(['sh', '-c', script, 'sh', directory, String(port), ...command]);
    if (answer.exitCode !== 0) throw new Error(`${command.join(' ')}: ${answer.stderr}`);
    return answer.stdout.trim();
  };
  const lookAt: RestoreHost['lookAt'] = async (args, sql) => {
    const script = `: >/tmp/err; sql=$1; shift; cd "$(mktemp -d)"; chmod 0 "$PWD"
node /opt/holdfast.mjs "$@" >/tmp/out 2>/tmp/err & pid=$!
until grep -q 'SIGTERM' /tmp/err; do kill -0 $pid || { cat /tmp/err >&2; exit 1; }; sleep 0.1; done
psql "$(sed -n 's/.*psql "\\(.*\\)"$/\\1/p' /tmp/err)" -XAtc "$sql"
kill -TERM $pid; wait $pid; echo "status $?"; cat /tmp/out`;
    return await inside(['sh', '-c', script, 'sh', sql, ...args]);
  };
  return {
    container,
    lookAt,
    run: inside,
    holdfast: (args, options) => inside(['node', '/opt/holdfast.mjs', ...args], options),
    serve,
    ask: (directory, sql) => serve(directory, ['psql', '-XAtc', sql, 'postgres']),
    stop: () => removeContainer(container),
  };
}
