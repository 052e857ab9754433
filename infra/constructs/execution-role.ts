import { Validations } from 'aws-cdk-lib';
import { Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { ecsTasksPrincipal } from './service-principals.ts';

/**
 * What ECS itself needs to start a task: pull the image, write the log. The task definitions add
 * both, for their own repository and log group only; the program in the task never gets this role.
 */
export class ExecutionRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, props: { readonly environment: string }) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      description: `Holdfast ${props.environment}: starts tasks`,
      assumedBy: ecsTasksPrincipal(this),
    });
    Validations.of(this.role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'ecr:GetAuthorizationToken knows no resources.',
    });
  }
}
