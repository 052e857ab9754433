import { runSimulation } from '@cloud-copilot/iam-simulate';
import type { PolicyDocument } from '../policy.ts';
import { ServiceError } from './service-error.ts';

/** Who calls. `administrator` may do everything: a person at the console, in tests and the demo. */
export type Caller =
  | { readonly kind: 'administrator' }
  | { readonly kind: 'role'; readonly arn: string; readonly policies: readonly PolicyDocument[] };

export interface Action {
  /** `ecs:RunTask`. */
  readonly action: string;
  /** ARN, or `*` for actions that know no resource. */
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * Lets the call through only if the caller's policies allow it.
 *
 * @throws ServiceError AccessDeniedException, naming the action and the resource as AWS does.
 */
export async function authorize(caller: Caller, account: string, wanted: Action): Promise<void> {
  if (caller.kind === 'administrator') return;
  const { action, resource, context = {} } = wanted;
  const result = await runSimulation(
    {
      request: {
        principal: caller.arn,
        action,
        resource: { resource, accountId: account },
        contextVariables: { 'aws:PrincipalArn': caller.arn, ...context },
      },
      identityPolicies: caller.policies.map((policy, index) => ({
        name: `policy-${index}`,
        policy,
      })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (result.resultType === 'error') {
    throw new Error(`Cannot simulate ${action} on ${resource}: ${JSON.stringify(result.errors)}`);
  }
  if (result.overallResult === 'Allowed') return;
  const why =
    result.overallResult === 'ExplicitlyDenied'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${action} action`;
  throw new ServiceError(
    'AccessDeniedException',
    `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource} ${why}`,
    action.startsWith('lambda:') ? 403 : 400,
  );
}

/**
 * The access key id out of a request's SigV4 header. The signature itself is not checked here: moto
 * and the S3 server check it on every other call that the same key pair makes.
 */
export function accessKeyOf(authorization: string | undefined): string | undefined {
  return /Credential=([^/,\s]+)\//.exec(authorization ?? '')?.[1];
}
