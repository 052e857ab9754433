import { Duration, Stack } from 'aws-cdk-lib';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { buildList, EnvironmentVariable } from '../../contract/environment-variables.ts';
import { acknowledgeWildcard } from './acknowledge-wildcards.ts';
import { functionCode } from './function-code.ts';
import type { Network } from './network.ts';
import type { RunnerTask } from './runner-task.ts';

export interface StartTaskFunctionProps {
  readonly environment: string;
  readonly clusterNames: readonly string[];
  /** Those of them that take no more backups. */
  readonly retiredClusterNames: readonly string[];
  readonly ecsCluster: Cluster;
  readonly network: Network;
  readonly tasks: readonly RunnerTask[];
  /** Roles that ECS takes over for these tasks. */
  readonly passedRoleArns: readonly string[];
  readonly logGroup: LogGroup;
}

/** The one way to start a task: for schedules and for people. */
export class StartTaskFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: StartTaskFunctionProps) {
    super(scope, id);
    const { network } = props;
    const families = familyArns(this, props);
    const tasks = taskArn(this, props);
    this.role = new Role(this, 'Role', {
      description: `Holdfast ${props.environment}: starts tasks on request`,
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        startTask: new PolicyDocument({ statements: statements(props, families, tasks) }),
      },
    });
    for (const family of families) {
      acknowledgeWildcard(this.role, family, 'The revision: each deployment makes a new one.');
    }
    acknowledgeWildcard(this.role, tasks, "A task's id is drawn when it starts.");
    acknowledgeWildcard(
      this.role,
      '*',
      'ecs:ListTasks has no resource on Fargate; the condition ties it to one ECS cluster.',
    );
    this.function = new NodejsFunction(this, 'Function', {
      ...functionCode('start-task'),
      functionName: startTaskFunctionName(props.environment),
      description:
        'Starts a task. Invoke with {"action":"backup","cluster":"NAME","kind":"logical"}',
      // No reserved concurrency: in an account with the initial quota of 10 it fails to deploy.
      memorySize: 256,
      // Below the minute after which `aws lambda invoke` gives up and asks for a second backup.
      timeout: Duration.seconds(55),
      // A schedule calls asynchronously: later than that, the next run is the better one.
      maxEventAge: Duration.hours(1),
      retryAttempts: 2,
      // Frozen: what the handwritten statements do not give, no helper adds.
      role: this.role.withoutPolicyUpdates(),
      logGroup: props.logGroup,
      environment: {
        [EnvironmentVariable.Environment]: props.environment,
        [EnvironmentVariable.EcsCluster]: props.ecsCluster.clusterArn,
        [EnvironmentVariable.Subnets]: buildList(network.subnets.map(({ subnetId }) => subnetId)),
        [EnvironmentVariable.SecurityGroups]: network.securityGroup.securityGroupId,
        [EnvironmentVariable.AssignPublicIp]: String(network.assignPublicIp),
        [EnvironmentVariable.Clusters]: buildList(props.clusterNames),
        [EnvironmentVariable.RetiredClusters]: buildList(props.retiredClusterNames),
      },
    });
  }
}

/** Asked for by family, ECS takes the newest revision, and checks the ARN with its number. */
function familyArns(scope: Construct, props: StartTaskFunctionProps): string[] {
  return props.tasks.map(({ taskDefinition }) =>
    Stack.of(scope).formatArn({
      service: 'ecs',
      resource: 'task-definition',
      resourceName: `${taskDefinition.family}:*`,
    }),
  );
}

function taskArn(scope: Construct, props: StartTaskFunctionProps): string {
  return Stack.of(scope).formatArn({
    service: 'ecs',
    resource: 'task',
    resourceName: `${props.ecsCluster.clusterName}/*`,
  });
}

function statements(
  props: StartTaskFunctionProps,
  families: string[],
  tasks: string,
): PolicyStatement[] {
  const { clusterArn } = props.ecsCluster;
  return [
    // Where every cluster is retired there is nothing to run, and a statement needs a resource.
    ...(families.length === 0 ? [] : [runTheTasks(families, clusterArn)]),
    new PolicyStatement({
      sid: 'ListTasks',
      actions: ['ecs:ListTasks'],
      resources: ['*'],
      conditions: { ArnEquals: { 'ecs:cluster': clusterArn } },
    }),
    new PolicyStatement({
      sid: 'DescribeTasks',
      actions: ['ecs:DescribeTasks'],
      resources: [tasks],
      conditions: { ArnEquals: { 'ecs:cluster': clusterArn } },
    }),
    new PolicyStatement({
      sid: 'TagTheTasks',
      actions: ['ecs:TagResource'],
      resources: [tasks],
      conditions: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
    }),
    new PolicyStatement({
      sid: 'PassTheTasksRoles',
      actions: ['iam:PassRole'],
      resources: [...props.passedRoleArns],
      conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    }),
    new PolicyStatement({
      sid: 'WriteItsLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [props.logGroup.logGroupArn],
    }),
  ];
}

function runTheTasks(families: string[], clusterArn: string): PolicyStatement {
  return new PolicyStatement({
    sid: 'RunTheTasks',
    actions: ['ecs:RunTask'],
    resources: families,
    conditions: { ArnEquals: { 'ecs:cluster': clusterArn } },
  });
}
