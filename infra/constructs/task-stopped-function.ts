import { Duration, Stack } from 'aws-cdk-lib';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import { Match, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import {
  resourceName,
  taskFamily,
  taskStoppedFunctionName,
} from '../../contract/environment-names.ts';
import { EnvironmentVariable } from '../../contract/environment-variables.ts';
import { acknowledgeWildcard } from './acknowledge-wildcards.ts';
import type { ScheduleGroup } from './backup-schedule.ts';
import { functionCode } from './function-code.ts';
import type { Notifications } from './notifications.ts';

export interface TaskStoppedFunctionProps {
  readonly environment: string;
  readonly ecsCluster: Cluster;
  readonly notifications: Notifications;
  /** Where retries go, and the role that they invoke start-task with. */
  readonly schedules: ScheduleGroup;
  readonly startTask: IFunction;
  /** How often one backup is started again by itself, at most. */
  readonly maxRetries: number;
  /** Pause before the first of these; doubled for each further one. */
  readonly retryAfterMinutes: number;
  readonly logGroup: LogGroup;
  /** Of the tasks: their last lines say why they failed. */
  readonly taskLogGroups: readonly LogGroup[];
}

/** Says what became of each backup's task, and starts it again where that may help. */
export class TaskStoppedFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly rule: Rule;

  constructor(scope: Construct, id: string, props: TaskStoppedFunctionProps) {
    super(scope, id);
    const { environment, notifications, schedules } = props;
    const retries = Stack.of(this).formatArn({
      service: 'scheduler',
      resource: 'schedule',
      resourceName: `${resourceName(environment)}/retry_*`,
    });
    this.role = new Role(this, 'Role', {
      description: `Holdfast ${environment}: says what became of tasks`,
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        taskStopped: new PolicyDocument({ statements: statements(props, retries) }),
      },
    });
    acknowledgeWildcard(this.role, retries, 'Each retry is a schedule of its own name.');
    acknowledgeWildcard(this.role, '*', 'ecs:DescribeTaskDefinition knows no resource.');
    this.function = new NodejsFunction(this, 'Function', {
      ...functionCode('task-stopped'),
      functionName: taskStoppedFunctionName(environment),
      description: 'Says what became of a task. Invoked by a rule on ECS events',
      memorySize: 256,
      timeout: Duration.seconds(55),
      // Lambda's own retries: after a minute, and after two more.
      maxEventAge: Duration.hours(1),
      retryAttempts: 2,
      // Frozen: what the handwritten statements do not give, no helper adds.
      role: this.role.withoutPolicyUpdates(),
      logGroup: props.logGroup,
      environment: {
        [EnvironmentVariable.Environment]: environment,
        [EnvironmentVariable.TopicArn]: notifications.topic.topicArn,
        [EnvironmentVariable.StartTaskArn]: props.startTask.functionArn,
        [EnvironmentVariable.ScheduleGroup]: schedules.name,
        [EnvironmentVariable.SchedulerRoleArn]: schedules.role.roleArn,
        [EnvironmentVariable.MaxRetries]: String(props.maxRetries),
        [EnvironmentVariable.RetryAfterMinutes]: String(props.retryAfterMinutes),
      },
    });
    this.rule = new Rule(this, 'Rule', {
      ruleName: resourceName(environment, 'task-stopped'),
      description: `Holdfast ${environment}: a backup's task has stopped`,
      eventPattern: {
        source: ['aws.ecs'],
        detailType: ['ECS Task State Change'],
        detail: {
          clusterArn: [props.ecsCluster.clusterArn],
          lastStatus: ['STOPPED'],
          group: Match.prefix(`family:${taskFamily(environment, '')}`),
        },
      },
      targets: [new LambdaFunction(this.function)],
    });
  }
}

function statements(props: TaskStoppedFunctionProps, retries: string): PolicyStatement[] {
  const { notifications, schedules, logGroup } = props;
  return [
    new PolicyStatement({
      sid: 'TellPeople',
      actions: ['sns:Publish'],
      resources: [notifications.topic.topicArn],
    }),
    // SNS encrypts what is published under the publisher's own rights.
    new PolicyStatement({
      sid: 'EncryptWhatItTells',
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: [notifications.key.keyArn],
    }),
    new PolicyStatement({
      sid: 'ScheduleRetries',
      actions: ['scheduler:CreateSchedule'],
      resources: [retries],
    }),
    new PolicyStatement({
      sid: 'PassTheSchedulesRole',
      actions: ['iam:PassRole'],
      resources: [schedules.role.roleArn],
      conditions: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
    }),
    new PolicyStatement({
      sid: 'FindTheTasksLog',
      actions: ['ecs:DescribeTaskDefinition'],
      resources: ['*'],
    }),
    new PolicyStatement({
      sid: 'ReadTheTasksLog',
      actions: ['logs:GetLogEvents'],
      resources: props.taskLogGroups.map(({ logGroupArn }) => logGroupArn),
    }),
    new PolicyStatement({
      sid: 'WriteItsLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    }),
  ];
}
