import { once } from 'node:events';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { QueryResult } from 'pg';
import type { Certificates } from './certificates.ts';
import {
  containerArguments,
  containerExists,
  podman,
  postgresBaseImage,
  removeContainer,
} from './container.ts';
import { freePort } from './free-port.ts';
import { logTail } from './log-tail.ts';
import {
  connectionUri,
  type PostgresAddress,
  runQuery,
  type UriParts,
} from './postgres-connection.ts';
import { archiveStandbyScript, DATA, primaryScript, standbyScript } from './postgres-scripts.ts';
import type { Run } from './run.ts';
import { waitUntil } from './wait-until.ts';

export interface PostgresServer {
  /** `127.0.0.1`. */
  readonly host: string;
  readonly port: number;
  /** Superuser, `sslmode=verify-full`, database `postgres`; the password has characters that need encoding. */
  readonly uri: string;
  /** The container's name. */
  readonly container: string;
  readonly logFile: string;
  /** The same with another database, user or password. */
  uriFor(parts: UriParts): string;
  /** Runs SQL over TLS on a connection of its own. @default database 'postgres' */
  query(sql: string, options?: { readonly database?: string }): Promise<QueryResult>;
  /** Runs a program inside the container, as the server's user; throws with its stderr when it fails. */
  exec(
    command: readonly string[],
    options?: { readonly input?: string },
  ): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /**
   * SIGKILL to the server and all its processes; returns once it has been started again and answers.
   *
   * @param meanwhile done while it is down.
   */
  crash(meanwhile?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export interface PostgresStandby extends PostgresServer {
  /** Returns once the standby has replayed what the primary has written by now. */
  waitForReplay(): Promise<void>;
}

export interface Postgres {
  readonly primary: PostgresServer;
  /** Streams from the primary through the physical slot `standby`. */
  readonly standby: PostgresStandby;
  /** Starts another standby of the primary, in a container of its own, that streams through a slot of its name. */
  startStandby(name: string): Promise<PostgresStandby>;
  /** Starts a standby that is fed by an archive alone. */
  startArchiveStandby(name: string): Promise<ArchiveStandby>;
  /** Stops all of them. */
  stop(): Promise<void>;
}

export interface ArchiveStandby extends PostgresServer {
  /** Ends the primary's WAL segment, puts it into the archive, and returns once it has been replayed. */
  archive(): Promise<void>;
}

export interface PostgresOptions {
  readonly run: Pick<Run, 'id' | 'directory'>;
  readonly certificates: Certificates;
  /** @default 17 */
  readonly major?: number;
  /** Tells the servers of one run apart, in containers' and logs' names. @default '' */
  readonly prefix?: string;
  /**
   * Directory on the host that keeps both servers' data: what lies in it is served again, what is
   * missing is made. One run at a time.
   * @default each server's data ends with its container
   */
  readonly dataDirectory?: string;
}

/** Everything that a URI, a shell, a .pgpass file or a connection string would trip over. */
const PASSWORD = `p@ss:w/rd#1 %41'"\\&=?ü`;

/** Starts PostgreSQL, a primary and a streaming standby, each in a container of its own. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { major = 17 } = options;
  const primary = await startServer(options, 'primary', primaryScript(major), {});
  const feed = { PRIMARY_PORT: String(primary.port), PGPASSWORD: PASSWORD };
  try {
    const started = [primary];
    const stop = async () => {
      await Promise.all(started.map((server) => server.stop()));
    };
    const startStandby = async (name: string): Promise<PostgresStandby> => {
      const server = await startServer(options, name, standbyScript(major, name), feed);
      started.push(server);
      return { ...server, waitForReplay: () => waitForReplay(primary, server) };
    };
    const startArchiveStandby = async (name: string): Promise<ArchiveStandby> => {
      const archive = join(options.run.directory, `${name}-archive`);
      await mkdir(archive);
      const server = await startServer(options, name, archiveStandbyScript(major), feed, [
        `${archive}:/archive:ro`,
      ]);
      started.push(server);
      return { ...server, archive: () => archiveSegment(primary, server, archive) };
    };
    const standby = await startStandby('standby');
    await standby.waitForReplay().catch(async (error: unknown) => {
      await stop();
      throw error;
    });
    return { primary, standby, startStandby, startArchiveStandby, stop };
  } catch (error) {
    await primary.stop();
    throw error;
  }
}

/**
 * Starts a server of its own that nothing streams from, empty.
 *
 * @param volumes directories of the host, as `--volume` takes them.
 */
export async function startLoneServer(
  options: Pick<PostgresOptions, 'run' | 'certificates' | 'major'>,
  name: string,
  volumes: readonly string[] = [],
): Promise<PostgresServer> {
  return await startServer(options, name, primaryScript(options.major ?? 17), {}, volumes);
}

async function startServer(
  { run, certificates, major = 17, prefix = '', dataDirectory }: PostgresOptions,
  role: string,
  script: string,
  more: Readonly<Record<string, string>>,
  volumes: readonly string[] = [],
): Promise<PostgresServer> {
  const name = `${prefix}${role}`;
  const port = await freePort();
  const address: PostgresAddress = {
    host: '127.0.0.1',
    port,
    password: PASSWORD,
    caPem: certificates.caPem,
  };
  const container = `holdfast-${run.id}-${name}`;
  const logFile = join(run.directory, `${name}.log`);
  const environment = { PORT: String(port), PASSWORD, ...more };
  const mounts = [`${dirname(certificates.caFile)}:/certificates:ro`, ...volumes];
  if (dataDirectory !== undefined) {
    const data = join(dataDirectory, name);
    await mkdir(data, { recursive: true });
    mounts.push(`${data}:${DATA}`);
  }
  await podman([
    ...containerArguments(run),
    ...['--detach', '--name', container],
    ...mounts.flatMap((mount) => ['--volume', mount]),
    // PostgreSQL's parallel queries need more shared memory than a container's 63 MB.
    ...['--shm-size', '256m', '--log-driver', 'k8s-file', '--log-opt', `path=${logFile}`],
    ...Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ...[postgresBaseImage(major), 'sh', '-c', script],
  ]);
  const stop = () => removeContainer(container);
  const answering = () =>
    waitUntil(async () => (await runQuery(address, 'SELECT 1')).rowCount === 1, {
      what: `the PostgreSQL ${major} ${name} to answer`,
      timeoutMs: 30_000,
      intervalMs: 100,
      givenUp: async () =>
        (await containerExists(container)) ? undefined : 'its container has ended',
      explain: () => logTail(logFile),
    });
  try {
    await answering();
  } catch (error) {
    await stop();
    throw error;
  }
  const exec: PostgresServer['exec'] = (command, { input } = {}) =>
    podman(['exec', '--interactive', '--user', 'postgres', container, ...command], input);
  return {
    host: address.host,
    port,
    uri: connectionUri(address),
    container,
    logFile,
    uriFor: (parts) => connectionUri(address, parts),
    query: (sql, queryOptions) => runQuery(address, sql, queryOptions?.database),
    exec,
    crash: async (meanwhile) => {
      await killServer(container, meanwhile);
      await answering();
    },
    stop,
  };
}

/**
 * Kills all that the server's user runs in the container, but for this shell: as long as it lives, the
 * server is not started again.
 */
async function killServer(
  container: string,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const script = 'kill -9 -1; echo down; cat';
  const shell = execa('podman', [
    ...['exec', '--interactive', '--user', 'postgres', container, 'sh', '-c', script],
  ]);
  // Awaited at the end: until then a failure is nobody's yet.
  shell.catch(() => undefined);
  try {
    await Promise.race([once(shell.stdout, 'data'), shell]);
    await meanwhile();
  } finally {
    shell.stdin.end();
    await shell;
  }
}

async function waitForReplay(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  await waitForPosition(standby, await writtenPosition(primary));
}

/** Where the primary's WAL ends once a record of our own is in it. */
async function writtenPosition(primary: PostgresServer): Promise<string> {
  // After a switch of segments the current position lies behind a header that no record follows yet,
  // and the standby would reach it only with the next one.
  await primary.query(`SELECT pg_logical_emit_message(true, 'holdfast', 'wait for replay')`);
  const { rows } = await primary.query('SELECT pg_current_wal_flush_lsn() AS lsn');
  return String((rows[0] as { lsn: unknown }).lsn);
}

async function archiveSegment(
  primary: PostgresServer,
  standby: PostgresServer,
  archive: string,
): Promise<void> {
  const lsn = await writtenPosition(primary);
  const { rows } = await primary.query(
    `SELECT pg_walfile_name('${lsn}'::pg_lsn - 1) AS file, pg_switch_wal()`,
  );
  const { file } = rows[0] as { file: string };
  // Renamed when it is whole: the standby looks for it all the time.
  await podman(['cp', `${primary.container}:${DATA}/pg_wal/${file}`, join(archive, 'partial')]);
  await chmod(join(archive, 'partial'), 0o644);
  await rename(join(archive, 'partial'), join(archive, file));
  await waitForPosition(standby, lsn);
}

async function waitForPosition(standby: PostgresServer, lsn: string): Promise<void> {
  await waitUntil(
    async () => {
      const replayed = await standby.query(
        `SELECT pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn AS done`,
      );
      return (replayed.rows[0] as { done: boolean | null }).done === true;
    },
    {
      what: `the standby to replay ${lsn}`,
      timeoutMs: 15_000,
      explain: () => logTail(standby.logFile),
    },
  );
}
