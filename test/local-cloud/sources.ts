import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { Environment } from '../../infra/environment.ts';
import { environmentDirectory } from './environment-directory.ts';
import { connectionSecret, prepareSource } from './seed.ts';
import type { Certificates } from './servers/certificates.ts';
import type { Moto } from './servers/moto.ts';
import {
  type Postgres,
  type PostgresServer,
  startLoneServer,
  startPostgres,
} from './servers/postgres.ts';
import type { Run } from './servers/run.ts';
import type { Teardown } from './teardown.ts';

type Cluster = Pick<
  Environment['clusters'][number],
  'name' | 'postgresMajor' | 'secretName' | 'schedules' | 'wal'
>;

type Servers = Pick<Postgres, 'primary' | 'standby'>;

export interface SourcesOptions {
  readonly run: Run;
  readonly certificates: Certificates;
  readonly teardown: Teardown;
  readonly clusters: readonly Cluster[];
  /** Directory that keeps the servers' data. @default none: they start empty */
  readonly dataDirectory?: string | undefined;
}

/** The environment's clusters, in the order of its file. */
export async function readClusters(environment: string): Promise<readonly Cluster[]> {
  const module: { readonly default: Environment } = await import(
    pathToFileURL(join(environmentDirectory(environment), `${environment}.ts`)).href
  );
  return module.default.clusters;
}

/** The clusters' PostgreSQL servers: a primary and a standby each, started when they are asked for. */
export class Sources {
  readonly #options: SourcesOptions;
  readonly #started = new Map<string, Promise<Postgres>>();
  readonly #connected = new Set<string>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** The cluster whose servers are there from the start. */
  get first(): string {
    const [cluster] = this.#options.clusters;
    if (cluster === undefined) throw new Error('The environment has no cluster.');
    return cluster.name;
  }

  /** Starts the servers of the major that the cluster is configured for; the second time, names them. */
  start(name: string): Promise<Postgres> {
    const started = this.#started.get(name) ?? this.#launch(name);
    this.#started.set(name, started);
    return started;
  }

  /** Starts a server of the cluster's major that is nobody's source, empty. */
  async startEmpty(name: string, cluster: string): Promise<PostgresServer> {
    const { run, certificates, teardown } = this.#options;
    const major = this.#cluster(cluster).postgresMajor;
    const server = await startLoneServer({ run, certificates, major }, name);
    await teardown.add(`PostgreSQL ${name}`, () => server.stop());
    return server;
  }

  /** Puts servers' URIs into the cluster's secret. */
  async connect(name: string, postgres: Servers, moto: Moto): Promise<void> {
    await this.putSecret(name, connectionSecret(postgres, this.#options.certificates.caPem), moto);
  }

  /** Makes the cluster's secret what it is told, or anew. */
  async putSecret(name: string, SecretString: string, moto: Moto): Promise<void> {
    const { endpoint, region, admin: credentials } = moto;
    const client = new SecretsManagerClient({ endpoint, region, credentials });
    const { secretName } = this.#cluster(name);
    if (this.#connected.has(name)) {
      await client.send(new PutSecretValueCommand({ SecretId: secretName, SecretString }));
    } else await client.send(new CreateSecretCommand({ Name: secretName, SecretString }));
    this.#connected.add(name);
    client.destroy();
  }

  async #launch(name: string): Promise<Postgres> {
    const { run, certificates, teardown, dataDirectory } = this.#options;
    const cluster = this.#cluster(name);
    const postgres = await startPostgres({
      run,
      certificates,
      major: cluster.postgresMajor,
      prefix: name === this.first ? '' : `${name}-`,
      ...(dataDirectory === undefined ? {} : { dataDirectory }),
    });
    await teardown.add(`PostgreSQL of ${name}`, () => postgres.stop());
    await prepareSource(postgres.primary, { replication: isPhysical(cluster) });
    return postgres;
  }

  #cluster(name: string): Cluster {
    const cluster = this.#options.clusters.find((one) => one.name === name);
    if (cluster === undefined) throw new Error(`The environment has no cluster ${name}.`);
    return cluster;
  }
}

/** Whether the cluster's files or its WAL are backed up, which takes replication connections. */
function isPhysical({ schedules, wal }: Cluster): boolean {
  return wal !== undefined || schedules.some(({ kind }) => kind === 'physical');
}
