import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { S3Client } from '@aws-sdk/client-s3';
import { streamerName, taskFamily } from '../../contract/environment-names.ts';
import { type Assembly, joinAssemblies } from './assembly.ts';
import { killTools } from './command.ts';
import { bootstrap, deploy, ROOT, synthesize, update } from './deploy.ts';
import type { Model } from './model.ts';
import { NOT_ENFORCED_HERE } from './not-enforced-here.ts';
import { sweepVolumes } from './platform/container.ts';
import { Images } from './platform/images.ts';
import { type Platform, servePlatform } from './platform/platform.ts';
import { PlatformServer } from './platform/server.ts';
import { Principals } from './principals.ts';
import { buildModel } from './resources/adapters.ts';
import { type Certificates, makeCertificates } from './servers/certificates.ts';
import type { KeyPair } from './servers/key-pair.ts';
import { type Moto, type Published, startMoto } from './servers/moto.ts';
import type { Postgres, PostgresServer } from './servers/postgres.ts';
import { type Run, startRun } from './servers/run.ts';
import { startVersitygw, type Versitygw } from './servers/versitygw.ts';
import { readClusters, Sources } from './sources.ts';
import type { Teardown } from './teardown.ts';
import { makeBuckets, rootS3Client } from './vault-server.ts';

export interface StartOptions {
  readonly environment: string;
  /** Environments that are deployed into the same account; they have no servers of their own. */
  readonly beside?: readonly string[];
  /** Progress, in plain words. @default nothing is said */
  readonly log: (line: string) => void;
  /** Keeps the run's directory with its logs after the end. @default false */
  readonly keep: boolean;
  /** Directory that keeps the PostgreSQL servers' data. @default none: they start empty */
  readonly dataDirectory?: string;
  /**
   * Whether the clusters' streamers of WAL are started by themselves, each once its cluster's secret is
   * there. @default true
   */
  readonly streamers?: boolean;
}

/** Where each service answers, as the variables that every AWS SDK reads. */
export interface Endpoints extends Record<string, string> {
  AWS_REGION: string;
  AWS_ENDPOINT_URL: string;
  AWS_ENDPOINT_URL_S3: string;
  AWS_ENDPOINT_URL_ECS: string;
  AWS_ENDPOINT_URL_LAMBDA: string;
}

export interface Started {
  readonly run: Run;
  readonly model: Model;
  readonly bucket: string;
  readonly principals: Principals;
  readonly administrator: KeyPair;
  /** What was published to SNS, oldest first. */
  published(): Promise<readonly Published[]>;
  readonly platform: Platform;
  /** Of the environment's first cluster. */
  readonly postgres: Postgres;
  /** Its name. */
  readonly firstCluster: string;
  /** Starts another cluster's servers, and puts their URIs into its secret. */
  startSource(cluster: string): Promise<Postgres>;
  /** Starts a server beside the sources, empty, of a cluster's major. @default the first cluster's */
  startEmptyServer(name: string, cluster?: string): Promise<PostgresServer>;
  /** Puts servers' URIs into another cluster's secret. */
  connectSource(cluster: string, postgres: Pick<Postgres, 'primary' | 'standby'>): Promise<void>;
  /** Gives a cluster's secret a content of its own. */
  putSecret(cluster: string, secret: string): Promise<void>;
  readonly endpoints: Endpoints;
  readonly caFile: string;
  readonly caPem: string;
  readonly certificates: Certificates;
  readonly s3: S3Client;
  /** The image of a cluster's tasks. @default the first cluster's */
  imageOf(cluster?: string): Promise<string>;
  /** Deploys the environment as another command synthesizes it. @returns what there is afterwards. */
  deployAgain(command: string): Promise<Model>;
}

interface Servers {
  readonly certificates: Certificates;
  readonly versitygw: Versitygw;
  readonly sources: Sources;
  readonly postgres: Postgres;
  readonly moto: Moto;
  readonly platformServer: PlatformServer;
}

const REGION = 'eu-central-1';
const ACCOUNT = '000000000000';

/** Servers and synthesis side by side; then deployment, roles, and the doors shut. */
export async function startEverything(options: StartOptions, teardown: Teardown): Promise<Started> {
  const { environment, log, keep, beside = [], streamers = true } = options;
  const began = performance.now();
  const say = (line: string): void => log(`${seconds(performance.now() - began)}  ${line}`);
  const run = await startRun();
  await teardown.add('the run', () => run.stop({ keep }));
  await teardown.add('tools', async () => killTools());
  await sweepVolumes();
  say(`the run's directory is ${run.directory}`);
  const [servers, assembly] = await Promise.all([
    startServers(environment, run, teardown, say, options.dataDirectory),
    synthesizeAll([environment, ...beside], run).then((synthesized) => {
      say(`cdk synth wrote ${synthesized.stacks.map(({ name }) => name).join(' and ')}`);
      return synthesized;
    }),
  ]);
  const { certificates, versitygw, sources, postgres, moto, platformServer } = servers;
  const images = new Images(assembly.images, run.directory);
  const built = buildImages(images, assembly, say);
  // Awaited further down: until then a failure is nobody's yet.
  built.catch(() => undefined);
  await sources.connect(sources.first, postgres, moto);
  const deployment = await deploy({ ...moto, directory: run.directory }, assembly);
  say('cdk deploy has put the stacks into the control plane');

  const model = buildModel(assembly, deployment);
  const s3 = rootS3Client(versitygw, certificates.caPem);
  await teardown.add('the S3 client', async () => s3.destroy());
  await makeBuckets(s3, model.buckets);
  const principals = new Principals(model, moto, versitygw);
  await principals.putAll();
  await versitygw.putPrincipal({ name: 'administrator', ...moto.admin, policies: [EVERYTHING] });
  await moto.makeScheduleGroups(model.scheduleGroups);
  await moto.enforce();
  say(`each of ${model.roles.length} roles has its own policy, enforced by every server`);
  for (const { statement, keys } of principals.leftOut.values()) {
    const purpose = NOT_ENFORCED_HERE[statement];
    say(`not enforced here, proved by simulation: ${statement}, ${purpose} (${keys.join(', ')})`);
  }
  const endpoints: Endpoints = {
    AWS_REGION: REGION,
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_ENDPOINT_URL_S3: versitygw.endpoint,
    AWS_ENDPOINT_URL_ECS: platformServer.endpoint,
    AWS_ENDPOINT_URL_LAMBDA: platformServer.endpoint,
  };
  const { caFile, caPem } = certificates;
  const platform = servePlatform({
    run,
    model,
    principals,
    images,
    server: platformServer,
    administrator: moto.admin,
    environment: endpoints,
    caFile,
  });
  await teardown.add('functions', () => platform.functions.stopAll());
  await teardown.add('tasks', async () => {
    platform.hush();
    await platform.services.stopAll();
    await platform.tasks.stopAll();
  });
  await built;
  const stream = (cluster: string): void => {
    const name = streamerName(environment, cluster);
    if (streamers && platform.services.has(name)) platform.services.start(name);
  };
  stream(sources.first);
  say('the local cloud is ready');
  return {
    run,
    model,
    bucket: onlyBucket(model),
    principals,
    administrator: moto.admin,
    published: () => moto.published(),
    platform,
    postgres,
    firstCluster: sources.first,
    endpoints,
    caFile,
    caPem,
    certificates,
    s3,
    startSource: async (cluster) => {
      const source = await sources.start(cluster);
      await sources.connect(cluster, source, moto);
      stream(cluster);
      return source;
    },
    startEmptyServer: (name, cluster = sources.first) => sources.startEmpty(name, cluster),
    connectSource: async (cluster, source) => {
      await sources.connect(cluster, source, moto);
      stream(cluster);
    },
    putSecret: async (cluster, secret) => {
      await sources.putSecret(cluster, secret, moto);
      stream(cluster);
    },
    deployAgain: async (command) => {
      const again = await synthesize({
        environment,
        output: join(run.directory, 'cdk.out-again'),
        region: REGION,
        account: ACCOUNT,
        logFile: join(run.directory, 'cdk-synth-again.log'),
        app: { directory: ROOT, command },
      });
      const place = { ...moto, directory: run.directory, deployer: moto.admin };
      return buildModel(again, await update(place, again));
    },
    imageOf: (cluster = sources.first) => images.build(imageHash(model, environment, cluster)),
  };
}

/** One after the other: each takes a whole core. */
async function synthesizeAll(environments: readonly string[], run: Run): Promise<Assembly> {
  const assemblies: Assembly[] = [];
  for (const [index, environment] of environments.entries()) {
    const suffix = index === 0 ? '' : `-${environment}`;
    assemblies.push(
      await synthesize({
        environment,
        output: join(run.directory, `cdk.out${suffix}`),
        region: REGION,
        account: ACCOUNT,
        logFile: join(run.directory, `cdk-synth${suffix}.log`),
      }),
    );
  }
  return joinAssemblies(assemblies);
}

const EVERYTHING = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
};

async function startServers(
  environment: string,
  run: Run,
  teardown: Teardown,
  say: (line: string) => void,
  dataDirectory: string | undefined,
): Promise<Servers> {
  const stoppable = async <T extends { stop(): Promise<void> }>(
    what: string,
    starting: Promise<T>,
  ): Promise<T> => {
    const server = await starting;
    await teardown.add(what, () => server.stop());
    say(`${what}: running`);
    return server;
  };
  const certificates = await makeCertificates(run);
  const clusters = await readClusters(environment);
  const sources = new Sources({ run, certificates, teardown, clusters, dataDirectory });
  const platformServer = await PlatformServer.listen();
  await teardown.add('the platform', () => platformServer.close());
  const [versitygw, postgres, moto] = await Promise.all([
    stoppable(
      'S3 with Object Lock (versitygw)',
      startVersitygw({ run, certificates, region: REGION }),
    ),
    sources.start(sources.first).then((servers) => {
      say('PostgreSQL primary and standby: running');
      return servers;
    }),
    stoppable('control plane (moto)', startMoto({ run, region: REGION })).then(async (server) => {
      await bootstrap({ ...server, directory: run.directory });
      return server;
    }),
  ]);
  return { certificates, versitygw, sources, postgres, moto, platformServer };
}

async function buildImages(
  images: Images,
  assembly: Assembly,
  say: (line: string) => void,
): Promise<void> {
  for (const hash of assembly.images.keys()) {
    const image = await images.build(hash);
    say(`the task's image is built (${image})`);
  }
}

function imageHash(model: Model, environment: string, cluster: string): string {
  const family = taskFamily(environment, cluster);
  const definition = [...model.taskDefinitions.values()].find((one) => one.family === family);
  if (definition === undefined) throw new Error(`The templates have no task ${family}.`);
  return definition.container.image;
}

function onlyBucket(model: Model): string {
  const [bucket] = model.buckets;
  if (bucket === undefined) throw new Error('The templates have no bucket.');
  return bucket.name;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1).padStart(5)} s`;
}
