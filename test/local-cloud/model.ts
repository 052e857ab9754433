import type { PolicyDocument } from './policy.ts';
import type { ResolvedResource } from './resolver.ts';

/** What the adapters make of the resolved resources: all that the local cloud needs to know. */
export interface Model {
  readonly region: string;
  readonly account: string;
  readonly buckets: BucketModel[];
  readonly roles: RoleModel[];
  readonly bucketPolicies: PolicyDocument[];
  /** By ARN. */
  readonly ecsClusters: Map<string, { readonly name: string }>;
  /** By ARN, revision included. */
  readonly taskDefinitions: Map<string, TaskDefinitionModel>;
  /** By name. */
  readonly services: Map<string, ServiceModel>;
  /** By name. */
  readonly functions: Map<string, FunctionModel>;
  readonly schedules: ScheduleModel[];
  /** Names. */
  readonly scheduleGroups: string[];
  readonly rules: RuleModel[];
  readonly invokePermissions: InvokePermissionModel[];
}

export interface BucketModel {
  readonly name: string;
  readonly objectLock: boolean;
  readonly defaultRetention?: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number };
}

export interface RoleModel {
  readonly name: string;
  readonly arn: string;
  /** Service principals (`ecs-tasks.amazonaws.com`), and `account` where people may assume it. */
  readonly trusts: readonly string[];
  readonly policies: PolicyDocument[];
}

export interface ContainerModel {
  readonly name: string;
  /** Hash of the image's asset. */
  readonly image: string;
  readonly command?: readonly string[];
  readonly entryPoint?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly readOnly: boolean;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly stopTimeoutSeconds: number;
  readonly mounts: readonly {
    readonly volume: string;
    readonly path: string;
    readonly readOnly: boolean;
  }[];
  readonly user?: string;
  /** Where its output goes on AWS; absent where the definition names no log. */
  readonly log?: { readonly group: string; readonly streamPrefix: string };
}

export interface TaskDefinitionModel {
  readonly arn: string;
  readonly family: string;
  /** 1024 is one core. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly taskRoleArn: string;
  readonly executionRoleArn: string;
  readonly container: ContainerModel;
}

/** A task that is kept running. */
export interface ServiceModel {
  readonly name: string;
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  /** 0 or 1. */
  readonly desiredCount: number;
}

export interface FunctionModel {
  readonly name: string;
  readonly arn: string;
  readonly roleArn: string;
  /** `index.handler`. */
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Directory of the bundle, below `cdk.out`. */
  readonly bundle: string;
}

export interface ScheduleModel {
  readonly name: string;
  readonly arn: string;
  /** A function, or an ECS cluster to run a task in. */
  readonly targetArn: string;
  /** What is run in an ECS cluster, as RunTask takes it. */
  readonly task?: TaskTarget;
  readonly roleArn: string;
  /** The target's input, with Scheduler's placeholders still in it; a task has none. */
  readonly input: string;
  readonly expression: string;
  readonly enabled: boolean;
}

export interface TaskTarget {
  readonly taskDefinition: string;
  readonly launchType: string;
  readonly subnets: readonly string[];
  readonly propagateTags: string;
}

/** What an event has to have: lists of values or operators, in the event's own shape. */
export interface EventPattern {
  readonly [key: string]: readonly unknown[] | EventPattern;
}

export interface RuleModel {
  readonly name: string;
  readonly arn: string;
  readonly pattern: EventPattern;
  readonly enabled: boolean;
  readonly targetArns: readonly string[];
}

/** A service that may invoke a function on behalf of one of its resources. */
export interface InvokePermissionModel {
  readonly functionArn: string;
  readonly principal: string;
  readonly sourceArn: string;
}

export function emptyModel(place: { readonly region: string; readonly account: string }): Model {
  return {
    ...place,
    buckets: [],
    roles: [],
    bucketPolicies: [],
    ecsClusters: new Map(),
    taskDefinitions: new Map(),
    services: new Map(),
    functions: new Map(),
    schedules: [],
    scheduleGroups: [],
    rules: [],
    invokePermissions: [],
  };
}

/** What an adapter reads: one resource, all the others, and where the assets lie. */
export interface AdapterInput {
  readonly resource: ResolvedResource;
  readonly model: Model;
  /** Object key in the bootstrap bucket to directory. */
  readonly files: ReadonlyMap<string, string>;
}

/** Puts one resource into the model. */
export type Adapter = (input: AdapterInput) => void;
