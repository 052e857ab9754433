import { createHash } from 'node:crypto';
import type { RunTaskCommandInput, TaskOverride } from '@aws-sdk/client-ecs';
import { taskFamily } from '../../contract/environment-names.ts';
import { EnvironmentVariable, RUNNER_CONTAINER } from '../../contract/environment-variables.ts';
import { HoldfastError } from '../../contract/errors.ts';
import {
  buildTaskRequest,
  type FreshRequest,
  type TaskRequest,
  taskRequestFor,
} from '../../contract/request.ts';
import type { StartTaskSettings } from './settings.ts';

/**
 * Longest text of a task's overrides. Characters.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
export const OVERRIDES_LIMIT_CHARACTERS = 8192;

/** Longest `startedBy`. Characters. */
const STARTED_BY_CHARACTERS = 36;

/** What is to be done about an event. */
export interface StartPlan {
  readonly request: TaskRequest;
  readonly input: RunTaskCommandInput;
}

/**
 * Decides which task to run. Pure: equal events give equal plans, client token included, so that an
 * invocation that AWS repeats starts nothing twice.
 *
 * @throws HoldfastError REQUEST_INVALID, CLUSTER_UNKNOWN, CLUSTER_RETIRED
 */
export function planTask(
  event: unknown,
  settings: StartTaskSettings,
  fresh: FreshRequest,
): StartPlan {
  const request = taskRequestFor(event, fresh);
  if (!settings.clusters.includes(request.cluster)) throw unknownCluster(request, settings);
  if (settings.retiredClusters.includes(request.cluster)) throw retiredCluster(request, settings);
  const overrides: TaskOverride = {
    containerOverrides: [
      {
        name: RUNNER_CONTAINER,
        environment: [{ name: EnvironmentVariable.Request, value: buildTaskRequest(request) }],
      },
    ],
  };
  requireFittingOverrides(overrides);
  return {
    request,
    input: {
      cluster: settings.ecsCluster,
      // Without a revision: the newest one.
      taskDefinition: taskFamily(settings.environment, request.cluster),
      launchType: 'FARGATE',
      count: 1,
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: [...settings.subnets],
          securityGroups: [...settings.securityGroups],
          assignPublicIp: settings.assignPublicIp ? 'ENABLED' : 'DISABLED',
        },
      },
      overrides,
      clientToken: clientToken(settings.environment, request),
      startedBy: request.label.slice(0, STARTED_BY_CHARACTERS),
      propagateTags: 'TASK_DEFINITION',
      // The others come with the task definition: a key that is given twice might be refused.
      tags: [{ key: 'holdfast:label', value: request.label }],
    },
  };
}

/** @throws HoldfastError REQUEST_INVALID when ECS would refuse the overrides for their length. */
export function requireFittingOverrides(overrides: TaskOverride): void {
  const characters = JSON.stringify(overrides).length;
  if (characters <= OVERRIDES_LIMIT_CHARACTERS) return;
  throw new HoldfastError(
    'REQUEST_INVALID',
    `The request takes ${characters} characters as an override of the task; ECS accepts ${OVERRIDES_LIMIT_CHARACTERS}.`,
    { hint: 'Ask for less in one request.' },
  );
}

/** 64 characters, the most that ECS takes: cluster and label together may be longer, so a hash. */
function clientToken(environment: string, { cluster, label }: TaskRequest): string {
  return createHash('sha256').update(`${environment}/${cluster}/${label}`).digest('hex');
}

function unknownCluster(request: TaskRequest, settings: StartTaskSettings): HoldfastError {
  return new HoldfastError(
    'CLUSTER_UNKNOWN',
    `The environment ${settings.environment} has no cluster ${request.cluster}; it has ${settings.clusters.join(', ')}.`,
    { hint: 'Use one of these names, or add the cluster to the environment and deploy it.' },
  );
}

function retiredCluster(request: TaskRequest, settings: StartTaskSettings): HoldfastError {
  return new HoldfastError(
    'CLUSTER_RETIRED',
    `The cluster ${request.cluster} of ${settings.environment} is retired: it takes no more backups.`,
    {
      hint: 'Restore from those that are there, or take `retired` out of its entry in the environment and deploy.',
    },
  );
}
