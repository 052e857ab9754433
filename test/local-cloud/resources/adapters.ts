import type { Assembly } from '../assembly.ts';
import { type Adapter, emptyModel, type Model } from '../model.ts';
import { NOT_LOCAL } from '../not-local.ts';
import { type Deployment, resolveAssembly } from '../resolver.ts';
import { bucket } from './bucket.ts';
import { bucketPolicy } from './bucket-policy.ts';
import { ecsCluster } from './ecs-cluster.ts';
import { ecsService } from './ecs-service.ts';
import { lambdaFunction } from './function.ts';
import { permission } from './permission.ts';
import { policy, role } from './role.ts';
import { rule } from './rule.ts';
import { schedule } from './schedule.ts';
import { scheduleGroup } from './schedule-group.ts';
import { taskDefinition } from './task-definition.ts';

/** In the order in which they are read: a policy joins roles that are there already. */
export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  'AWS::S3::Bucket': bucket,
  'AWS::S3::BucketPolicy': bucketPolicy,
  'AWS::IAM::Role': role,
  'AWS::IAM::Policy': policy,
  'AWS::ECS::Cluster': ecsCluster,
  'AWS::ECS::TaskDefinition': taskDefinition,
  'AWS::ECS::Service': ecsService,
  'AWS::Lambda::Function': lambdaFunction,
  'AWS::Lambda::Permission': permission,
  'AWS::Events::Rule': rule,
  'AWS::Scheduler::ScheduleGroup': scheduleGroup,
  'AWS::Scheduler::Schedule': schedule,
};

/** Types that have neither an adapter nor a reason in `not-local.ts`. */
export function unknownTypes(types: Iterable<string>): string[] {
  return [...new Set(types)].filter((type) => !(type in ADAPTERS) && !(type in NOT_LOCAL)).sort();
}

/** @throws Error on a resource type that nobody has thought about. */
export function buildModel(assembly: Assembly, deployment: Deployment): Model {
  const unknown = unknownTypes(typesIn(assembly));
  if (unknown.length > 0) {
    throw new Error(
      `The local cloud does not know ${unknown.join(', ')}: write an adapter, or give the reason in not-local.ts.`,
    );
  }
  const { region, account } = deployment;
  const model = emptyModel({ region, account });
  const resources = resolveAssembly(assembly, deployment, (type) => type in ADAPTERS);
  for (const [type, adapt] of Object.entries(ADAPTERS)) {
    for (const resource of resources.filter((each) => each.type === type)) {
      adapt({ resource, model, files: assembly.files });
    }
  }
  return model;
}

export function typesIn(assembly: Assembly): string[] {
  return assembly.stacks.flatMap(({ template }) =>
    Object.values(template.Resources).map(({ Type }) => Type),
  );
}
