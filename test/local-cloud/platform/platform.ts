import type { Model } from '../model.ts';
import type { Principals } from '../principals.ts';
import type { KeyPair } from '../servers/key-pair.ts';
import { Ecs } from './ecs.ts';
import { EventBus } from './event-bus.ts';
import { type FunctionAnswer, Functions } from './functions.ts';
import type { Images } from './images.ts';
import { Lambda } from './lambda.ts';
import { putLog } from './put-log.ts';
import type { PlatformServer } from './server.ts';
import { Services } from './services.ts';
import { type StopEvent, stopEvent } from './stop-event.ts';
import { Tasks } from './tasks.ts';

export interface PlatformOptions {
  readonly run: { readonly id: string; readonly directory: string };
  readonly model: Model;
  readonly principals: Pick<Principals, 'forArn' | 'byAccessKey'>;
  readonly images: Images;
  readonly server: PlatformServer;
  /** Key pair of the person who may do everything. */
  readonly administrator: KeyPair;
  /** Endpoint URLs and region, for tasks and functions. */
  readonly environment: Readonly<Record<string, string>>;
  readonly caFile: string;
}

export interface Platform {
  readonly tasks: Tasks;
  readonly services: Services;
  readonly functions: Functions;
  readonly ecs: Ecs;
  readonly bus: EventBus;
  /** What ECS told of a task's stop, and what the rule's functions answered. */
  stopOf(taskArn: string): TaskStop | undefined;
  /** From now on nothing is told of tasks that stop. */
  hush(): void;
}

export interface TaskStop {
  readonly event: StopEvent;
  readonly answers: Promise<readonly FunctionAnswer[]>;
}

/** Puts ECS and Lambda together and lets them answer. */
export function servePlatform(options: PlatformOptions): Platform {
  const { run, model, principals, images, server, administrator, environment, caFile } = options;
  /** A service hands a role's keys only to what it runs, and only if the role trusts it. */
  const keysFor =
    (service: string) =>
    (roleArn: string): KeyPair => {
      const role = principals.forArn(roleArn);
      if (role.trusts.includes(service)) return role.keys;
      throw new Error(`${role.name} does not let ${service} assume it: look at its trust policy.`);
    };
  const stops = new Map<string, TaskStop>();
  let hushed = false;
  const tasks = new Tasks({
    run,
    region: model.region,
    account: model.account,
    images,
    environment,
    caFile,
    keysFor: keysFor('ecs-tasks.amazonaws.com'),
    credentialsUrl: (id) => server.credentialsUrl(id),
    onStopped: (task) => {
      if (hushed) return;
      const event = stopEvent(task, model);
      // The log driver hands the rest of the output over before ECS says that the task has stopped.
      const answers = putLog(task, administrator, environment).then(() => bus.put(event));
      // Awaited by whoever asks: until then a failure is nobody's yet.
      answers.catch(() => undefined);
      stops.set(task.arn, { event, answers });
    },
  });
  const services = new Services(model, tasks);
  const functions = new Functions({
    run,
    environment,
    caFile,
    keysFor: keysFor('lambda.amazonaws.com'),
  });
  const ecs = new Ecs(model, tasks);
  const lambda = new Lambda(model, functions);
  const bus = new EventBus(model, lambda);
  server.serve({
    ecs,
    lambda,
    credentialsFor: (id) => tasks.credentialsFor(id),
    callerFor: (accessKeyId) => {
      if (accessKeyId === administrator.accessKeyId) return { kind: 'administrator' };
      const role = principals.byAccessKey(accessKeyId);
      return role === undefined
        ? undefined
        : { kind: 'role', arn: role.arn, policies: role.policies };
    },
  });
  return {
    ...{ tasks, services, functions, ecs, bus },
    stopOf: (arn) => stops.get(arn),
    hush: () => {
      hushed = true;
    },
  };
}
