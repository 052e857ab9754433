import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerModel, TaskDefinitionModel } from '../model.ts';
import type { KeyPair } from '../servers/key-pair.ts';
import {
  containerPid,
  createVolume,
  removeContainer,
  runContainer,
  stopContainer,
  volumePath,
} from './container.ts';
import type { Images } from './images.ts';

/** What differs between two tasks of one definition. */
export interface TaskOverrides {
  readonly environment: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
}

export interface TaskRequest {
  readonly clusterArn: string;
  readonly definition: TaskDefinitionModel;
  readonly overrides: TaskOverrides;
  readonly startedBy?: string;
  /** @default its family's */
  readonly group?: string;
}

/** What a test makes of the place where tasks run. */
export interface TaskConditions {
  /** Over the task definition's own variables and the platform's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** File system of the volumes, and its mount options. @default the host's disk */
  readonly volumes?: { readonly type: 'tmpfs' | 'ramfs'; readonly options: string };
  /** Files of the host by their path in the container. */
  readonly files?: Readonly<Record<string, string>>;
  /** In place of the task definition's. */
  readonly memoryMiB?: number;
}

/** One task, as far as it has come. */
export interface Task extends TaskRequest {
  readonly arn: string;
  readonly containerName: string;
  readonly logFile: string;
  readonly createdAt: Date;
  /** Resolves when the task has stopped; never rejects. */
  readonly stopped: Promise<void>;
  lastStatus: 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'DEPROVISIONING' | 'STOPPED';
  desiredStatus: 'RUNNING' | 'STOPPED';
  startedAt?: Date;
  stoppedAt?: Date;
  stopCode?: 'TaskFailedToStart' | 'EssentialContainerExited' | 'UserInitiated';
  stoppedReason?: string;
  /** Absent when the container never started. */
  exitCode?: number;
  /** Of the container: `OutOfMemoryError: …`. */
  reason?: string;
}

export interface TasksOptions {
  readonly run: { readonly id: string; readonly directory: string };
  readonly region: string;
  readonly account: string;
  readonly images: Images;
  /** Endpoint URLs, region and the certificate's path: what the platform itself gives each task. */
  readonly environment: Readonly<Record<string, string>>;
  /** Mounted read-only. */
  readonly caFile: string;
  /** Key pair of a role, if ECS tasks may have it. */
  readonly keysFor: (roleArn: string) => KeyPair;
  /** Where a container fetches its credentials, by an id that only it knows. */
  readonly credentialsUrl: (id: string) => string;
  /** Called once for each task, when it has stopped. */
  readonly onStopped?: (task: Task) => void;
}

/** Path of the authority's certificate inside a container. */
export const CA_PATH = '/etc/holdfast-local-cloud-ca.pem';

const POLL_MS = 50;

/** Starts containers under their task definitions, and keeps account of them. */
export class Tasks {
  private readonly options: TasksOptions;
  private readonly tasks = new Map<string, Task>();
  private readonly credentials = new Map<string, KeyPair>();
  /** Of tasks that are started from now on. */
  conditions: TaskConditions = {};

  constructor(options: TasksOptions) {
    this.options = options;
  }

  find(arnOrId: string): Task | undefined {
    return [...this.tasks.values()].find(
      ({ arn }) => arn === arnOrId || arn.endsWith(`/${arnOrId}`),
    );
  }

  list(): readonly Task[] {
    return [...this.tasks.values()];
  }

  credentialsFor(id: string): KeyPair | undefined {
    return this.credentials.get(id);
  }

  start(request: TaskRequest): Task {
    const { run, region, account } = this.options;
    const id = randomBytes(16).toString('hex');
    const clusterName = request.clusterArn.split('/').at(-1) ?? '';
    const { promise, resolve } = Promise.withResolvers<void>();
    const task: Task = {
      ...request,
      arn: `arn:aws:ecs:${region}:${account}:task/${clusterName}/${id}`,
      containerName: `holdfast-${run.id}-task-${id.slice(0, 12)}`,
      logFile: join(run.directory, `task-${id.slice(0, 12)}.log`),
      createdAt: new Date(),
      stopped: promise,
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
    };
    this.tasks.set(task.arn, task);
    void this.live(task).finally(resolve);
    return task;
  }

  /** @param stopTimeoutSeconds in place of the task definition's */
  async stop(task: Task, reason: string, stopTimeoutSeconds?: number): Promise<void> {
    if (task.stoppedAt !== undefined) return;
    task.desiredStatus = 'STOPPED';
    task.stopCode = 'UserInitiated';
    task.stoppedReason = reason;
    const timeout = stopTimeoutSeconds ?? task.definition.container.stopTimeoutSeconds;
    // podman may be about to make the container: it has to be stopped once it is there.
    while (!(await stopContainer(task.containerName, timeout))) {
      if (task.stoppedAt !== undefined) return;
      await sleep(POLL_MS);
    }
  }

  async stopAll(): Promise<void> {
    await Promise.all(
      this.list()
        .filter(({ lastStatus }) => lastStatus !== 'STOPPED')
        .map(async (task) => {
          await this.stop(task, 'The local cloud is stopping', 0);
          await task.stopped;
        }),
    );
  }

  /** Process id on the host of the container's first process, once it is there. */
  async pid(task: Task): Promise<number> {
    for (;;) {
      const pid = await containerPid(task.containerName);
      if (pid !== undefined) return pid;
      if (task.desiredStatus === 'STOPPED') throw new Error(`${task.arn} runs no more.`);
      await sleep(POLL_MS);
    }
  }

  /** Where the files of the task's first volume lie on the host. */
  async firstVolumeOnHost(task: Task): Promise<string> {
    const [mount] = task.definition.container.mounts;
    if (mount === undefined) throw new Error(`${task.arn} has no volume.`);
    return await volumePath(volumeName(task, mount.volume));
  }

  private async live(task: Task): Promise<void> {
    const { container } = task.definition;
    const volumes = container.mounts.map(({ volume }) => volumeName(task, volume));
    const { conditions } = this;
    try {
      task.lastStatus = 'PENDING';
      const image = await this.options.images.build(container.image);
      for (const volume of volumes) {
        await createVolume(volume, this.options.run.id, conditions.volumes);
      }
      if (task.desiredStatus === 'STOPPED') return;
      task.lastStatus = 'RUNNING';
      task.startedAt = new Date();
      const end = await this.runContainer(task, image, conditions);
      task.exitCode = end.exitCode;
      if (end.outOfMemory) {
        task.reason = 'OutOfMemoryError: Container killed due to memory usage';
      }
      task.stopCode ??= 'EssentialContainerExited';
      task.stoppedReason ??= 'Essential container in task exited';
    } catch (thrown) {
      task.stopCode = 'TaskFailedToStart';
      task.stoppedReason = thrown instanceof Error ? thrown.message : String(thrown);
    } finally {
      task.desiredStatus = 'STOPPED';
      task.lastStatus = 'DEPROVISIONING';
      await removeContainer(task.containerName, volumes).catch(() => undefined);
      task.stoppedAt = new Date();
      task.lastStatus = 'STOPPED';
      this.options.onStopped?.(task);
    }
  }

  private async runContainer(
    task: Task,
    image: string,
    conditions: TaskConditions,
  ): Promise<{ exitCode: number; outOfMemory: boolean }> {
    const { definition, overrides } = task;
    const { container } = definition;
    return await runContainer(
      {
        ...optional(container, overrides),
        name: task.containerName,
        image,
        run: this.options.run.id,
        environment: {
          ...this.platformEnvironment(definition),
          ...container.environment,
          ...overrides.environment,
          ...conditions.environment,
        },
        memoryMiB: conditions.memoryMiB ?? definition.memoryMiB,
        cpu: definition.cpu,
        readOnly: container.readOnly,
        mounts: [
          { from: this.options.caFile, path: CA_PATH, readOnly: true },
          ...Object.entries(conditions.files ?? {}).map(([path, from]) => ({
            ...{ from, path, readOnly: true },
          })),
          ...container.mounts.map(({ volume, path, readOnly }) => ({
            from: volumeName(task, volume),
            path,
            readOnly,
          })),
        ],
      },
      task.logFile,
    );
  }

  private platformEnvironment(definition: TaskDefinitionModel): Record<string, string> {
    const id = randomBytes(16).toString('hex');
    this.credentials.set(id, this.options.keysFor(definition.taskRoleArn));
    return {
      ...this.options.environment,
      AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: this.options.credentialsUrl(id),
      NODE_EXTRA_CA_CERTS: CA_PATH,
    };
  }
}

function optional(
  container: ContainerModel,
  overrides: TaskOverrides,
): { command?: readonly string[]; entryPoint?: readonly string[]; user?: string } {
  const command = overrides.command ?? container.command;
  return {
    ...(command === undefined ? {} : { command }),
    ...(container.entryPoint === undefined ? {} : { entryPoint: container.entryPoint }),
    ...(container.user === undefined ? {} : { user: container.user }),
  };
}

function volumeName(task: Task, volume: string): string {
  return `${task.containerName}-${volume}`;
}
