import { setTimeout as sleep } from 'node:timers/promises';
import type { Model, ServiceModel } from '../model.ts';
import type { Task, Tasks } from './tasks.ts';

/** A task that ran that long was well; what comes after its end is started at once. */
const WELL_MS = 5000;
/** Pause before the next task after one that ended at once, doubled for each further one. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

/** One service, and the tasks that it has had. */
class Service {
  readonly model: ServiceModel;
  /** Oldest first. */
  readonly tasks: Task[] = [];
  wanted = false;
  /** Resolves once nothing runs any more. */
  kept: Promise<void> = Promise.resolve();
  wake = new AbortController();

  constructor(model: ServiceModel) {
    this.model = model;
  }
}

/** ECS's scheduler of services: keeps a task of each running, and starts another where one has ended. */
export class Services {
  private readonly model: Model;
  private readonly tasks: Tasks;
  private readonly services = new Map<string, Service>();

  constructor(model: Model, tasks: Tasks) {
    this.model = model;
    this.tasks = tasks;
    for (const [name, one] of model.services) this.services.set(name, new Service(one));
  }

  has(name: string): boolean {
    return this.services.has(name);
  }

  /** Sets the desired count to what the template says; where it is that already, nothing changes. */
  start(name: string): void {
    const service = this.find(name);
    if (service.wanted || service.model.desiredCount === 0) return;
    service.wanted = true;
    service.wake = new AbortController();
    service.kept = service.kept.then(() => this.keep(service));
  }

  /** Sets the desired count to none, and returns when the task has stopped. */
  async stop(name: string, stopTimeoutSeconds?: number): Promise<void> {
    const service = this.find(name);
    service.wanted = false;
    service.wake.abort();
    const task = service.tasks.at(-1);
    if (task !== undefined) {
      await this.tasks.stop(task, 'Scaling activity initiated by deployment', stopTimeoutSeconds);
    }
    await service.kept;
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.services.keys()].map((name) => this.stop(name, 0)));
  }

  /** The tasks that it has had, oldest first: the last one may be running. */
  tasksOf(name: string): readonly Task[] {
    return this.find(name).tasks;
  }

  private async keep(service: Service): Promise<void> {
    const { name, clusterArn, taskDefinitionArn } = service.model;
    const definition = this.model.taskDefinitions.get(taskDefinitionArn);
    if (definition === undefined) throw new Error(`${name} has no task definition here.`);
    let pauseMs = FIRST_PAUSE_MS;
    while (service.wanted) {
      const task = this.tasks.start({
        ...{ clusterArn, definition, overrides: { environment: {} } },
        ...{ startedBy: 'ecs-svc/0123456789', group: `service:${name}` },
      });
      service.tasks.push(task);
      const began = Date.now();
      await task.stopped;
      pauseMs = Date.now() - began > WELL_MS ? FIRST_PAUSE_MS : pauseMs;
      // Woken by stop(), which needs no next one.
      await sleep(pauseMs, undefined, { signal: service.wake.signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  private find(name: string): Service {
    const service = this.services.get(name);
    if (service !== undefined) return service;
    const names = [...this.services.keys()].join(', ');
    throw new Error(`No service ${name} was deployed; there are: ${names}.`);
  }
}
