import type { Template } from 'aws-cdk-lib/assertions';

export const ACCOUNT = '111122223333';
export const REGION = 'eu-central-1';
export const BUCKET = `holdfast-test-${ACCOUNT}-${REGION}`;
export const BUCKET_ARN = `arn:aws:s3:::${BUCKET}`;
export const LEASES_ARN = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/Leases`;

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Partition': 'aws',
  'AWS::Region': REGION,
  'AWS::URLSuffix': 'amazonaws.com',
};

interface Intrinsic {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: readonly [string, string];
  readonly 'Fn::Join'?: readonly [string, readonly unknown[]];
  readonly 'Fn::Sub'?: string;
}

/**
 * What CloudFormation would make of a value. The vault's bucket gets its real ARN; other attributes
 * and references become readable stand-ins, and a key's ARN names the cluster it belongs to.
 */
export function deployed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deployed);
  if (typeof value !== 'object' || value === null) return value;
  const {
    Ref: ref,
    'Fn::GetAtt': attribute,
    'Fn::Join': join,
    'Fn::Sub': sub,
  } = value as Intrinsic;
  if (ref !== undefined) return PSEUDO[ref] ?? keyOf(ref) ?? ref;
  if (attribute !== undefined) return attributeOf(...attribute);
  if (join !== undefined) return join[1].map(deployed).join(join[0]);
  if (sub !== undefined) return sub.replaceAll(/\$\{([^}]+)\}/g, (_, name) => PSEUDO[name] ?? name);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, deployed(inner)]));
}

export function keyArn(cluster: string): string {
  return `arn:aws:kms:${REGION}:${ACCOUNT}:key/mrk-${cluster}`;
}

/** The parameter's logical id is made from its name, which holds the cluster's. */
function keyOf(parameter: string): string | undefined {
  const cluster = /clusters([a-z]+)kmskeyarn/.exec(parameter)?.[1];
  return cluster === undefined ? undefined : keyArn(cluster);
}

function attributeOf(resource: string, attribute: string): string {
  if (attribute === 'Arn' && resource.startsWith('VaultBucket')) return BUCKET_ARN;
  if (attribute === 'Arn' && resource.startsWith('LeasesTable')) return LEASES_ARN;
  return `arn:aws:test:${REGION}:${ACCOUNT}:${resource}.${attribute}`;
}

/** A resource's properties as deployed. */
export type Properties = Readonly<Record<string, unknown>>;

/** All resources of a type. */
export function resources(template: Template, type: string): Properties[] {
  return Object.values(template.findResources(type)).map(
    (resource) => deployed(resource.Properties) as Properties,
  );
}

/** A resource as it stands in the template, with what happens to it when the stack goes. */
export function wholeResources(template: Template, type: string): Properties[] {
  return Object.values(template.findResources(type)).map((whole) => deployed(whole) as Properties);
}

/** The one resource of a type that `matches`. */
export function resource(
  template: Template,
  type: string,
  matches: (properties: Properties) => boolean = () => true,
): Properties {
  const found = resources(template, type).filter(matches);
  const [only] = found;
  if (found.length !== 1 || only === undefined) {
    throw new Error(`Expected one ${type}, found ${found.length}`);
  }
  return only;
}
