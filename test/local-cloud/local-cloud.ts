import tls from 'node:tls';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  probeScheduleName,
  restoreRoleName,
  streamerName,
} from '../../contract/environment-names.ts';
import { type HoldfastOptions, type HoldfastResult, runHoldfast } from './holdfast-command.ts';
import type { Model, RoleModel } from './model.ts';
import { type OneTimeSchedule, OneTimeSchedules } from './one-time-schedules.ts';
import type { RunTaskFault } from './platform/ecs.ts';
import type { FunctionAnswer } from './platform/functions.ts';
import type { StopEvent } from './platform/stop-event.ts';
import type { Task, TaskConditions } from './platform/tasks.ts';
import type { Principal } from './principals.ts';
import { Scheduler } from './scheduler.ts';
import type { Certificates } from './servers/certificates.ts';
import type { KeyPair } from './servers/key-pair.ts';
import type { Published } from './servers/moto.ts';
import type { Postgres, PostgresServer, PostgresStandby } from './servers/postgres.ts';
import { type Started, type StartOptions, startEverything } from './start.ts';
import { type Streamer, streamerFace } from './streamer.ts';
import { Teardown } from './teardown.ts';

/** Credentials, and the environment variables under which any AWS tool acts as their owner. */
export interface Identity extends KeyPair {
  readonly environment: Readonly<Record<string, string>>;
}

/** What a function answered. */
export interface Answer {
  /** Parsed; an error as Lambda words it (`errorType`, `errorMessage`) where `failed`. */
  readonly payload: unknown;
  readonly failed: boolean;
}

/** How a task ended. */
export interface TaskEnd {
  readonly arn: string;
  /** Absent when the container never started. */
  readonly exitCode: number | undefined;
  readonly stopCode: string | undefined;
  readonly stoppedReason: string | undefined;
  /** The container's own: `OutOfMemoryError: …`. */
  readonly reason: string | undefined;
  readonly logFile: string;
  /** From the start of the container to its removal; absent when it never started. Seconds. */
  readonly seconds: number | undefined;
}

/** A task while it runs, seen from the host. */
export interface TaskView {
  readonly containerName: string;
  /** Of the container's first process. */
  readonly pid: number;
  /** Directory on the host. */
  readonly spoolPath: string;
  readonly logFile: string;
}

/** The local cloud's face: what tests and the demo see of it. */
export interface LocalCloud {
  /** Logs, one file per server, task and function. */
  readonly directory: string;
  readonly environment: string;
  readonly region: string;
  readonly account: string;
  readonly bucket: string;
  readonly s3Endpoint: string;
  /** What the first cluster's tasks run. */
  readonly image: string;
  /** What a cluster's tasks run. */
  imageOf(cluster: string): Promise<string>;
  /** Names the run's containers and volumes. */
  readonly run: string;
  /** The local authority's certificate, on the host. */
  readonly caFile: string;
  /** The local authority's, and a server's, for a server of a test's own. */
  readonly certificates: Certificates;
  readonly model: Model;
  /** May do everything to the vault that anybody may. */
  readonly s3: S3Client;
  /** Of the environment's first cluster; there from the start. */
  readonly primary: PostgresServer;
  readonly standby: PostgresStandby;
  /** Starts a cluster's servers, of its own major, and puts their URIs into its secret. */
  startSource(cluster: string): Promise<Postgres>;
  /** Starts a server beside the sources, empty, of a cluster's major. @default the first cluster's */
  startEmptyServer(name: string, cluster?: string): Promise<PostgresServer>;
  /** Puts servers' URIs into a cluster's secret, whatever their major. */
  connectSource(cluster: string, servers: Pick<Postgres, 'primary' | 'standby'>): Promise<void>;
  /** Gives a cluster's secret a content of its own. */
  putSecret(cluster: string, secret: string): Promise<void>;
  /** Starts another standby of `primary`, which streams through a slot of its name. */
  startStandby(name: string): Promise<PostgresStandby>;
  readonly principals: { readonly admin: Identity; readonly restore: Identity };
  /** Acts as any role of the templates. */
  asRole(name: string): Identity;
  /** Makes a role that the templates do not, as a person beside them would. */
  makeRole(role: RoleModel): Promise<Identity>;
  /** @param name needed only where the cluster has several schedules */
  fireSchedule(cluster: string, name?: string, scheduledTime?: Date): Promise<Answer>;
  /** As a person who may invoke every function. */
  invoke(functionName: string, payload: unknown): Promise<Answer>;
  waitForTask(arn: string, options: { readonly timeoutSeconds: number }): Promise<TaskEnd>;
  task(arn: string): Promise<TaskView>;
  /** SIGTERM, and SIGKILL after the task definition's stop time-out. */
  stopTask(arn: string, reason?: string): Promise<void>;
  /** Takes one action out of a role's policy; the answer puts it back. */
  withoutPermission(roleName: string, action: string): Promise<() => Promise<void>>;
  /** Gives a role another key pair: what runs under the old one is refused from now on. */
  revokeKeys(roleName: string): Promise<void>;
  /** Under what conditions tasks run that are started from now on; `{}` takes all back. */
  giveTasks(conditions: TaskConditions): void;
  /** Variables of the functions that are invoked from now on; `{}` takes all back. */
  giveFunctions(variables: Readonly<Record<string, string>>): void;
  /** What the next calls of RunTask meet, one each. */
  failRunTask(...faults: readonly RunTaskFault[]): void;
  /** What streams a cluster's WAL. @default the first cluster's */
  streamer(cluster?: string): Streamer;
  /**
   * Fires the schedule of the probe that looks how much WAL a cluster's slot holds back.
   * @returns the task's ARN
   */
  fireProbe(cluster?: string): Promise<string>;
  /** Tasks that were started, but for the streamers', oldest first. */
  taskArns(): readonly string[];
  /** What ECS told of a task that has stopped, and what the rule's function answered. */
  stopOf(taskArn: string): Promise<{ readonly event: StopEvent; readonly answer: Answer }>;
  /** Puts an event on the bus, and answers what the rules' functions answered. */
  deliver(event: object): Promise<readonly Answer[]>;
  /** What was published to SNS, oldest first. */
  published(): Promise<readonly Published[]>;
  /** Schedules that functions have made, each to fire once. */
  oneTimeSchedules(): Promise<readonly OneTimeSchedule[]>;
  fireOneTimeSchedule(name: string): Promise<Answer>;
  /** Runs the `holdfast` command under the restore role. */
  holdfast(args: readonly string[], options?: HoldfastOptions): Promise<HoldfastResult>;
  /**
   * Deploys the environment once more, as `command` synthesizes it, into the control plane alone.
   *
   * @returns what the templates make afterwards; tasks and functions go on under what there was.
   */
  deployAgain(command: string): Promise<Model>;
  stop(): Promise<void>;
}

/** Starts servers, deploys what `cdk synth` wrote, and answers with everything in place. */
export async function startLocalCloud(options: Partial<StartOptions> = {}): Promise<LocalCloud> {
  const { environment = 'local', log = () => undefined, keep = false, ...rest } = options;
  const teardown = new Teardown();
  const stop = (): Promise<void> => teardown.run(log);
  const interrupted = (signal: NodeJS.Signals): void => {
    log(`${signal}: stopping what was started`);
    void stop().then(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  };
  // Not `once`: while a listener is there, the libraries that start processes do not end this one.
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  await teardown.add('signal handlers', async () => {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  });
  try {
    const started = await startEverything({ environment, log, keep, ...rest }, teardown);
    return faceOf({ ...started, image: await started.imageOf() }, environment, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

function faceOf(
  started: Started & { readonly image: string },
  environment: string,
  stop: () => Promise<void>,
): LocalCloud {
  const { run, image, model, principals, platform, imageOf, endpoints, caFile, administrator } =
    started;
  trust(started.caPem);
  const scheduler = new Scheduler(model, principals, endpoints.AWS_ENDPOINT_URL_LAMBDA);
  const identity = ({ accessKeyId, secretAccessKey }: KeyPair): Identity => ({
    accessKeyId,
    secretAccessKey,
    environment: {
      ...endpoints,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      NODE_EXTRA_CA_CERTS: caFile,
    },
  });
  const restore = identity(forPeople(principals.get(restoreRoleName(environment))));
  const lambda = new LambdaClient({
    endpoint: endpoints.AWS_ENDPOINT_URL_LAMBDA,
    region: model.region,
    credentials: administrator,
    maxAttempts: 1,
  });
  const oneTime = new OneTimeSchedules(model, scheduler, {
    endpoint: endpoints.AWS_ENDPOINT_URL,
    region: model.region,
    credentials: administrator,
  });
  const find = (arn: string): Task => {
    const task = platform.tasks.find(arn);
    if (task === undefined) throw new Error(`No task ${arn} was started.`);
    return task;
  };
  return {
    directory: run.directory,
    environment,
    region: model.region,
    account: model.account,
    bucket: started.bucket,
    s3Endpoint: endpoints.AWS_ENDPOINT_URL_S3,
    image,
    imageOf: (cluster) => imageOf(cluster),
    run: run.id,
    caFile,
    certificates: started.certificates,
    model,
    s3: started.s3,
    primary: started.postgres.primary,
    standby: started.postgres.standby,
    startSource: (cluster) => started.startSource(cluster),
    startEmptyServer: (name, cluster) => started.startEmptyServer(name, cluster),
    connectSource: (cluster, servers) => started.connectSource(cluster, servers),
    putSecret: (cluster, secret) => started.putSecret(cluster, secret),
    startStandby: (name) => started.postgres.startStandby(name),
    principals: { admin: identity(administrator), restore },
    asRole: (name) => identity(principals.get(name).keys),
    makeRole: async (role) => identity((await principals.add(role)).keys),
    fireSchedule: async (cluster, name, scheduledTime) =>
      parsed(
        await scheduler.fire(
          scheduler.find(cluster, name),
          scheduledTime === undefined ? {} : { scheduledTime },
        ),
      ),
    invoke: async (FunctionName, payload) => {
      const Payload = Buffer.from(JSON.stringify(payload));
      const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload }));
      const text = Buffer.from(answer.Payload ?? []).toString('utf8');
      return { payload: JSON.parse(text) as unknown, failed: answer.FunctionError !== undefined };
    },
    waitForTask: (arn, { timeoutSeconds }) => ended(find(arn), timeoutSeconds),
    task: async (arn) => {
      const task = find(arn);
      return {
        containerName: task.containerName,
        pid: await platform.tasks.pid(task),
        spoolPath: await platform.tasks.firstVolumeOnHost(task),
        logFile: task.logFile,
      };
    },
    stopTask: (arn, reason = 'Task stopped by user') => platform.tasks.stop(find(arn), reason),
    withoutPermission: (role, action) => principals.withoutPermission(role, action),
    revokeKeys: (role) => principals.revokeKeys(role),
    giveTasks: (conditions) => {
      platform.tasks.conditions = conditions;
    },
    giveFunctions: (variables) => {
      platform.functions.variables = variables;
    },
    failRunTask: (...faults) => {
      platform.ecs.faults.push(...faults);
    },
    streamer: (cluster = started.firstCluster) =>
      streamerFace(platform, streamerName(environment, cluster)),
    fireProbe: (cluster = started.firstCluster) =>
      scheduler.fireTask(scheduler.named(probeScheduleName(cluster))),
    taskArns: () =>
      platform.tasks.list().flatMap(({ arn, group }) => (group === undefined ? [arn] : [])),
    stopOf: async (arn) => {
      await find(arn).stopped;
      const stop = platform.stopOf(arn);
      const [answer] = (await stop?.answers) ?? [];
      if (stop === undefined || answer === undefined) throw new Error(`No rule met ${arn}'s stop.`);
      return { event: stop.event, answer: parsed(answer) };
    },
    deliver: async (event) => (await platform.bus.put(event)).map(parsed),
    published: () => started.published(),
    oneTimeSchedules: () => oneTime.list(),
    fireOneTimeSchedule: async (name) => parsed(await oneTime.fire(name)),
    holdfast: async (args, { cluster, env, ...options } = {}) =>
      await runHoldfast({
        ...options,
        image: await imageOf(cluster),
        run: run.id,
        args,
        caFile,
        env: { HOLDFAST_ENVIRONMENT: environment, ...restore.environment, ...env },
      }),
    stop: async () => {
      oneTime.destroy();
      await stop();
    },
    deployAgain: (command) => started.deployAgain(command),
  };
}

/** Clients in this process trust the local authority, without a variable set before it started. */
function trust(caPem: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), caPem]);
}

function forPeople(role: Principal): KeyPair {
  if (role.trusts.includes('account')) return role.keys;
  throw new Error(`${role.name} lets nobody of the account assume it: look at its trust policy.`);
}

function parsed(answer: FunctionAnswer): Answer {
  return {
    payload: JSON.parse(answer.payload) as unknown,
    failed: answer.functionError !== undefined,
  };
}

async function ended(task: Task, timeoutSeconds: number): Promise<TaskEnd> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Error(
          `${task.arn} is still ${task.lastStatus} after ${timeoutSeconds} s; its log is ${task.logFile}`,
        ),
      );
    }, timeoutSeconds * 1000);
  });
  try {
    await Promise.race([task.stopped, late]);
  } finally {
    clearTimeout(timer);
  }
  const { arn, exitCode, stopCode, stoppedReason, reason, logFile, startedAt, stoppedAt } = task;
  const seconds =
    startedAt === undefined || stoppedAt === undefined
      ? undefined
      : (stoppedAt.getTime() - startedAt.getTime()) / 1000;
  return { arn, exitCode, stopCode, stoppedReason, reason, logFile, seconds };
}
