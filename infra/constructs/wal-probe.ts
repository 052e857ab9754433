import { Stack } from 'aws-cdk-lib';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import { PolicyDocument, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import { probeFamily, probeScheduleName } from '../../contract/environment-names.ts';
import { EnvironmentVariable, PROBE_WAL } from '../../contract/environment-variables.ts';
import { FARGATE_STORAGE_GIB } from '../fargate-sizes.ts';
import { acknowledgeWildcard } from './acknowledge-wildcards.ts';
import type { ScheduleGroup } from './backup-schedule.ts';
import type { Network } from './network.ts';
import { RunnerTask, type RunnerTaskProps } from './runner-task.ts';
import { schedulerPrincipal } from './service-principals.ts';

/** How often it looks. Minutes. */
export const PROBE_MINUTES = 5;

/** Fargate's smallest: it asks a few questions and ends. */
const SIZE = { vCpu: 0.25, memoryMiB: 512, ephemeralStorageGiB: FARGATE_STORAGE_GIB.least };

export interface WalProbeProps extends Omit<RunnerTaskProps, 'family' | 'size' | 'variables'> {
  readonly ecsCluster: Cluster;
  readonly network: Network;
  readonly schedules: ScheduleGroup;
}

/**
 * Looks every few minutes how much WAL the cluster's slot holds back. A task and no function: it comes
 * from the address that the servers let in, which a function in a public subnet does not have, and under
 * the cluster's own role, which alone may read its secret. Apart from the streamer, whose death it is for.
 */
export class WalProbe extends Construct {
  readonly task: RunnerTask;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WalProbeProps) {
    super(scope, id);
    const { environment, cluster, network, schedules } = props;
    this.task = new RunnerTask(this, 'Task', {
      ...props,
      family: probeFamily(environment, cluster.name),
      size: SIZE,
      variables: { [EnvironmentVariable.Action]: PROBE_WAL },
    });
    this.role = this.schedulersRole(props);
    new CfnSchedule(this, 'Schedule', {
      name: probeScheduleName(cluster.name),
      groupName: schedules.name,
      description: `Holdfast: how much WAL the servers of ${cluster.name} hold back`,
      scheduleExpression: `rate(${PROBE_MINUTES} minutes)`,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: props.ecsClusterArn,
        roleArn: this.role.roleArn,
        ecsParameters: {
          taskDefinitionArn: this.task.taskDefinition.taskDefinitionArn,
          launchType: 'FARGATE',
          taskCount: 1,
          propagateTags: 'TASK_DEFINITION',
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: network.subnets.map(({ subnetId }) => subnetId),
              securityGroups: [network.securityGroup.securityGroupId],
              assignPublicIp: network.assignPublicIp ? 'ENABLED' : 'DISABLED',
            },
          },
        },
        // The next one is never far.
        retryPolicy: { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 1 },
      },
    });
  }

  private schedulersRole(props: WalProbeProps): Role {
    const stack = Stack.of(this);
    const tasks = stack.formatArn({
      service: 'ecs',
      resource: 'task',
      resourceName: `${props.ecsCluster.clusterName}/*`,
    });
    const groupArn = stack.formatArn({
      service: 'scheduler',
      resource: 'schedule-group',
      resourceName: props.schedules.groupName,
    });
    const role = new Role(this, 'Role', {
      description: `Holdfast ${props.environment}: lets the schedule look after the WAL of ${props.cluster.name}`,
      assumedBy: schedulerPrincipal(this, groupArn),
      inlinePolicies: {
        probe: new PolicyDocument({
          statements: [
            new PolicyStatement({
              sid: 'RunTheProbe',
              actions: ['ecs:RunTask'],
              resources: [this.task.taskDefinition.taskDefinitionArn],
              conditions: { ArnEquals: { 'ecs:cluster': props.ecsClusterArn } },
            }),
            new PolicyStatement({
              sid: 'TagTheProbe',
              actions: ['ecs:TagResource'],
              resources: [tasks],
              conditions: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
            }),
            new PolicyStatement({
              sid: 'PassTheTasksRoles',
              actions: ['iam:PassRole'],
              resources: [props.taskRole.roleArn, props.executionRole.roleArn],
              conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
            }),
          ],
        }),
      },
    });
    acknowledgeWildcard(role, tasks, "A task's id is drawn when it starts.");
    return role;
  }
}
