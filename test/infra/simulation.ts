import { runSimulation, type Simulation } from '@cloud-copilot/iam-simulate';
import { ACCOUNT, BUCKET_ARN, keyArn, type Properties, resource } from './deployed-values.ts';
import { type Synthesized, synthesized } from './synthesized.ts';

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | string[];
  /** Absent where `NotResource` stands in its place. */
  readonly Resource?: string | string[];
  readonly Condition?: Record<string, Record<string, string>>;
}

export interface PolicyDocument {
  readonly Statement: readonly Statement[];
}

interface RoleProperties {
  readonly Policies: readonly { readonly PolicyDocument: PolicyDocument }[];
}

export const BACKUP_OF_ORDERS = `arn:aws:iam::${ACCOUNT}:role/holdfast/backup/hf.test.orders`;
export const RESTORE = `arn:aws:iam::${ACCOUNT}:role/holdfast/restore/hf.test`;
export const ADMINISTRATOR = `arn:aws:iam::${ACCOUNT}:role/administrator`;

/** A request, and what its context holds besides the principal. */
export interface Attempt {
  readonly as: string;
  readonly action: string;
  /** Object's key, or nothing for the bucket itself. */
  readonly key?: string;
  readonly context?: Readonly<Record<string, string | string[]>>;
}

/** Whether S3 would let `attempt` pass: the role's own policy and the bucket's together. */
export async function mayInVault(attempt: Attempt): Promise<boolean> {
  const policy = resource(synthesized().vault, 'AWS::S3::BucketPolicy');
  return may(attempt, {
    resource: attempt.key === undefined ? BUCKET_ARN : `${BUCKET_ARN}/${attempt.key}`,
    resourcePolicy: policy.PolicyDocument,
    context: { 'aws:SecureTransport': 'true', ...attempt.context },
  });
}

/**
 * The simulator does not know the keys of encryption contexts and drops them, so one that it knows
 * stands for ours on both sides.
 */
const CONTEXT_KEY = 'kms:EncryptionContext:';
const STAND_IN = 'aws:RequestTag/';

/**
 * Whether KMS would let `as` do `action` with a cluster's key, in the name of `context`'s cluster.
 *
 * @param artifact in whose name, too.
 * @param tags that the key has besides, or instead of, those of the template.
 */
export async function mayWithKey(
  as: string,
  action: string,
  cluster: string,
  context: string = cluster,
  stacks: Synthesized = synthesized(),
  tags: Readonly<Record<string, string>> = {},
  artifact = 'globals.sql.0001',
): Promise<boolean> {
  const key = resource(stacks.vault, 'AWS::KMS::Key', ({ Description }) =>
    String(Description).endsWith(` ${cluster}`),
  );
  const policy = JSON.stringify(key.KeyPolicy).replaceAll(CONTEXT_KEY, STAND_IN);
  return may(
    { as, action },
    {
      resource: keyArn(cluster),
      resourcePolicy: JSON.parse(policy),
      context: {
        [`${STAND_IN}cluster`]: context,
        [`${STAND_IN}artifact`]: artifact,
        ...tagsOf(key),
        ...tags,
      },
    },
  );
}

/** A key's tags, as conditions ask for them. */
function tagsOf({ Tags }: Properties): Record<string, string> {
  const tags = (Tags ?? []) as readonly { readonly Key: string; readonly Value: string }[];
  return Object.fromEntries(tags.map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value]));
}

/** Whether a role's own policy alone lets it do something. */
export async function mayByRole(attempt: Attempt, arn: string): Promise<boolean> {
  return may(attempt, { resource: arn, context: attempt.context ?? {} });
}

/** The statements of a role, by its ARN; an administrator's are all there are. */
export function policiesOf(principal: string): readonly PolicyDocument[] {
  const name = principal.split('/').at(-1);
  if (principal === ADMINISTRATOR) {
    return [{ Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }];
  }
  const named = ({ RoleName }: Properties): boolean => RoleName === name;
  const role = resource(synthesized().backup, 'AWS::IAM::Role', named) as unknown as RoleProperties;
  return role.Policies.map(({ PolicyDocument }) => PolicyDocument);
}

interface Target {
  readonly resource: string;
  readonly resourcePolicy?: unknown;
  readonly context: Readonly<Record<string, string | string[]>>;
}

async function may(attempt: Attempt, target: Target): Promise<boolean> {
  const results = await runSimulation(simulationOf(attempt, target), {});
  if (results.resultType === 'error') throw new Error(JSON.stringify(results.errors));
  const analyses = results.resultType === 'single' ? [results.result] : results.results;
  const ignored = analyses.flatMap(({ ignoredContextKeys = [] }) => ignoredContextKeys);
  // A key that is dropped makes a denied attempt look like a proof.
  if (ignored.length > 0) throw new Error(`${attempt.action} knows no ${ignored.join(', ')}`);
  return results.overallResult === 'Allowed';
}

function simulationOf(attempt: Attempt, target: Target): Simulation {
  return {
    request: {
      principal: attempt.as,
      action: attempt.action,
      resource: { resource: target.resource, accountId: ACCOUNT },
      contextVariables: { 'aws:PrincipalArn': attempt.as, ...target.context },
    },
    identityPolicies: policiesOf(attempt.as).map((policy, index) => ({
      name: `policy${index}`,
      policy: JSON.parse(
        JSON.stringify({ Version: '2012-10-17', ...policy }).replaceAll(CONTEXT_KEY, STAND_IN),
      ),
    })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(target.resourcePolicy === undefined ? {} : { resourcePolicy: target.resourcePolicy }),
  };
}
