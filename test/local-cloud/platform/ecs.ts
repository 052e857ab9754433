import { createHash } from 'node:crypto';
import type { Model, TaskDefinitionModel } from '../model.ts';
import { authorize, type Caller } from './authorize.ts';
import { taskImage } from './images.ts';
import { ServiceError } from './service-error.ts';
import type { Task, TaskOverrides, TaskRequest, Tasks } from './tasks.ts';

/** A RunTask's overrides, as JSON. Characters. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html */
const OVERRIDES_LIMIT = 8192;
/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html */
const CLIENT_TOKEN_LIMIT = 64;

interface RunTaskInput {
  readonly cluster?: string;
  readonly taskDefinition?: string;
  readonly launchType?: string;
  readonly count?: number;
  readonly clientToken?: string;
  readonly startedBy?: string;
  readonly networkConfiguration?: {
    readonly awsvpcConfiguration?: { readonly subnets?: readonly string[] };
  };
  readonly overrides?: {
    readonly containerOverrides?: readonly {
      readonly name?: string;
      readonly command?: readonly string[];
      readonly environment?: readonly { readonly name: string; readonly value: string }[];
    }[];
  };
}

/** What a call of RunTask may meet that was asked for rightly. */
export type RunTaskFault =
  | { readonly kind: 'failures'; readonly failures: readonly object[] }
  | {
      readonly kind: 'error';
      readonly code: string;
      readonly message: string;
      readonly status?: number;
    }
  /** The task is started, and the caller never hears of it. */
  | { readonly kind: 'answer lost' };

interface TasksInput {
  readonly cluster?: string;
  readonly tasks?: readonly string[];
  readonly task?: string;
  readonly reason?: string;
  readonly family?: string;
  readonly startedBy?: string;
  readonly desiredStatus?: string;
}

/** Amazon ECS on Fargate, as far as Holdfast calls it. */
export class Ecs {
  private readonly model: Model;
  private readonly tasks: Tasks;
  private readonly byToken = new Map<
    string,
    { readonly parameters: string; readonly task: Task }
  >();
  /** What the next calls of RunTask meet, one each; then all is well again. */
  readonly faults: RunTaskFault[] = [];

  constructor(model: Model, tasks: Tasks) {
    this.model = model;
    this.tasks = tasks;
  }

  async call(operation: string, input: object, caller: Caller): Promise<object> {
    switch (operation) {
      case 'RunTask':
        return await this.runTask(input, caller);
      case 'DescribeTaskDefinition':
        return await this.describeTaskDefinition(input, caller);
      case 'DescribeTasks':
        return await this.describeTasks(input, caller);
      case 'ListTasks':
        return await this.listTasks(input, caller);
      case 'StopTask':
        return await this.stopTask(input, caller);
    }
    throw new ServiceError('InvalidAction', `${operation} is not known to the local cloud.`);
  }

  private async runTask(input: RunTaskInput, caller: Caller): Promise<object> {
    const clusterArn = this.cluster(input.cluster);
    const definition = this.definition(input.taskDefinition);
    await this.may(caller, 'ecs:RunTask', definition.arn, { 'ecs:cluster': clusterArn });
    for (const role of [definition.taskRoleArn, definition.executionRoleArn]) {
      await this.may(caller, 'iam:PassRole', role, {
        'iam:PassedToService': 'ecs-tasks.amazonaws.com',
      });
    }
    const overrides = checkedOverrides(input, definition);
    const fault = this.faults.shift();
    if (fault?.kind === 'failures') return { tasks: [], failures: fault.failures };
    if (fault?.kind === 'error') throw new ServiceError(fault.code, fault.message, fault.status);
    const answer = this.startOnce({ ...input, clusterArn, definition, overrides });
    if (fault?.kind !== 'answer lost') return answer;
    throw new ServiceError('ServerException', 'The answer to RunTask got lost.', 500);
  }

  private startOnce({
    clusterArn,
    definition,
    overrides,
    ...input
  }: Omit<RunTaskInput, 'overrides'> & TaskRequest): object {
    const { clientToken, startedBy } = input;
    const known = clientToken === undefined ? undefined : this.byToken.get(clientToken);
    const parameters = digest({ ...input, clientToken: undefined, overrides });
    if (known !== undefined) {
      if (known.parameters === parameters) return { tasks: [described(known.task)], failures: [] };
      throw new ServiceError(
        'ConflictException',
        'The request could not be processed because of conflict in the current state of the resource: the client token was used with other parameters.',
        400,
        { resourceIds: [known.task.arn] },
      );
    }
    const task = this.tasks.start({
      clusterArn,
      definition,
      overrides,
      ...(startedBy === undefined ? {} : { startedBy }),
    });
    if (clientToken !== undefined) this.byToken.set(clientToken, { parameters, task });
    return { tasks: [described(task)], failures: [] };
  }

  private async describeTaskDefinition(input: RunTaskInput, caller: Caller): Promise<object> {
    await authorize(caller, this.model.account, {
      action: 'ecs:DescribeTaskDefinition',
      resource: '*',
    });
    const { arn, family, container } = this.definition(input.taskDefinition);
    const { name, log } = container;
    const image = taskImage(container.image);
    const options = { 'awslogs-group': log?.group, 'awslogs-stream-prefix': log?.streamPrefix };
    const logConfiguration = { logDriver: 'awslogs', options };
    return {
      taskDefinition: {
        taskDefinitionArn: arn,
        family,
        containerDefinitions: [{ name, image, ...(log === undefined ? {} : { logConfiguration }) }],
      },
    };
  }

  private async describeTasks(input: TasksInput, caller: Caller): Promise<object> {
    const clusterArn = this.cluster(input.cluster);
    const tasks: object[] = [];
    const failures: object[] = [];
    for (const name of input.tasks ?? []) {
      const task = this.tasks.find(name);
      const arn = task?.arn ?? name;
      await this.may(caller, 'ecs:DescribeTasks', arn, { 'ecs:cluster': clusterArn });
      if (task === undefined) failures.push({ arn, reason: 'MISSING' });
      else tasks.push(described(task));
    }
    return { tasks, failures };
  }

  private async listTasks(input: TasksInput, caller: Caller): Promise<object> {
    const clusterArn = this.cluster(input.cluster);
    await this.may(caller, 'ecs:ListTasks', '*', { 'ecs:cluster': clusterArn });
    const { family, startedBy, desiredStatus = 'RUNNING' } = input;
    const found = this.tasks
      .list()
      .filter(
        (task) =>
          task.clusterArn === clusterArn &&
          task.desiredStatus === desiredStatus &&
          (family === undefined || task.definition.family === family) &&
          (startedBy === undefined || task.startedBy === startedBy),
      );
    return { taskArns: found.map(({ arn }) => arn) };
  }

  private async stopTask(input: TasksInput, caller: Caller): Promise<object> {
    const clusterArn = this.cluster(input.cluster);
    const task = this.tasks.find(input.task ?? '');
    if (task === undefined) {
      throw new ServiceError('InvalidParameterException', 'The referenced task was not found.');
    }
    await this.may(caller, 'ecs:StopTask', task.arn, { 'ecs:cluster': clusterArn });
    // The answer comes at once; the container has until its time-out.
    void this.tasks.stop(task, input.reason ?? 'Task stopped by user');
    return { task: described(task) };
  }

  private may(
    caller: Caller,
    action: string,
    resource: string,
    context: Record<string, string>,
  ): Promise<void> {
    return authorize(caller, this.model.account, { action, resource, context });
  }

  private cluster(nameOrArn = 'default'): string {
    for (const [arn, { name }] of this.model.ecsClusters) {
      if (arn === nameOrArn || name === nameOrArn) return arn;
    }
    throw new ServiceError('ClusterNotFoundException', 'Cluster not found.');
  }

  private definition(nameOrArn = ''): TaskDefinitionModel {
    const found = [...this.model.taskDefinitions.values()].find(
      ({ arn, family }) =>
        arn === nameOrArn || family === nameOrArn || arn.endsWith(`task-definition/${nameOrArn}`),
    );
    if (found === undefined) throw new ServiceError('ClientException', 'TaskDefinition not found.');
    return found;
  }
}

function checkedOverrides(input: RunTaskInput, definition: TaskDefinitionModel): TaskOverrides {
  const refuse = (message: string): never => {
    throw new ServiceError('InvalidParameterException', message);
  };
  if ((input.clientToken?.length ?? 0) > CLIENT_TOKEN_LIMIT) {
    refuse(`clientToken must be at most ${CLIENT_TOKEN_LIMIT} characters.`);
  }
  if ((input.networkConfiguration?.awsvpcConfiguration?.subnets ?? []).length === 0) {
    refuse("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (input.launchType !== 'FARGATE') refuse('Task definition does not support launch_type EC2.');
  if ((input.count ?? 1) !== 1) refuse('The local cloud starts one task at a time.');
  const text = JSON.stringify(input.overrides ?? {});
  if (text.length > OVERRIDES_LIMIT) {
    refuse(`Overrides length must be at most ${OVERRIDES_LIMIT}; it is ${text.length}.`);
  }
  const environment: Record<string, string> = {};
  let command: readonly string[] | undefined;
  for (const override of input.overrides?.containerOverrides ?? []) {
    if (override.name !== definition.container.name) {
      refuse(
        `Override for container named ${override.name} is not a container in the TaskDefinition.`,
      );
    }
    for (const { name, value } of override.environment ?? []) environment[name] = value;
    command = override.command ?? command;
  }
  return { environment, ...(command === undefined ? {} : { command }) };
}

/** Equal parameters, equal digest: the order of properties is the caller's own and does not change. */
function digest(input: object): string {
  return createHash('sha256').update(JSON.stringify(input)).digest('hex');
}

/** The task as DescribeTasks shows it. Times are seconds since 1970, as JSON 1.1 has them. */
function described(task: Task): object {
  const seconds = (date: Date | undefined): number | undefined =>
    date === undefined ? undefined : date.getTime() / 1000;
  return {
    taskArn: task.arn,
    clusterArn: task.clusterArn,
    taskDefinitionArn: task.definition.arn,
    group: task.group ?? `family:${task.definition.family}`,
    launchType: 'FARGATE',
    cpu: String(task.definition.cpu),
    memory: String(task.definition.memoryMiB),
    startedBy: task.startedBy,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    createdAt: seconds(task.createdAt),
    startedAt: seconds(task.startedAt),
    stoppedAt: seconds(task.stoppedAt),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    overrides: {
      containerOverrides: [
        {
          name: task.definition.container.name,
          environment: Object.entries(task.overrides.environment).map(([name, value]) => ({
            name,
            value,
          })),
        },
      ],
    },
    containers: [
      {
        name: task.definition.container.name,
        taskArn: task.arn,
        lastStatus: task.lastStatus === 'DEPROVISIONING' ? 'STOPPED' : task.lastStatus,
        exitCode: task.exitCode,
        reason: task.reason,
      },
    ],
  };
}
