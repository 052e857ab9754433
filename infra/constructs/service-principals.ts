import { Stack } from 'aws-cdk-lib';
import { type IPrincipal, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/*
 * Services that assume our roles, each only on behalf of this account: otherwise another account's
 * task or schedule could be pointed at them (the confused deputy).
 */

export function ecsTasksPrincipal(scope: Construct): IPrincipal {
  const stack = Stack.of(scope);
  return new ServicePrincipal('ecs-tasks.amazonaws.com', {
    conditions: {
      StringEquals: { 'aws:SourceAccount': stack.account },
      ArnLike: { 'aws:SourceArn': stack.formatArn({ service: 'ecs', resource: '*' }) },
    },
  });
}

/** @param groupArn the schedule group that may use the role. */
export function schedulerPrincipal(scope: Construct, groupArn: string): IPrincipal {
  return new ServicePrincipal('scheduler.amazonaws.com', {
    conditions: {
      StringEquals: { 'aws:SourceAccount': Stack.of(scope).account },
      ArnEquals: { 'aws:SourceArn': groupArn },
    },
  });
}
