import { Stack, Validations } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/**
 * Tells cdk-nag that a policy's wildcard is meant, one resource at a time: any other wildcard that
 * comes later is still found.
 *
 * @param resource the ARN pattern as it stands in the statement; it may hold tokens.
 * @param reason for whoever audits the stack.
 */
export function acknowledgeWildcard(owner: Construct, resource: string, reason: string): void {
  const shown = show(Stack.of(owner).resolve(resource));
  Validations.of(owner).acknowledge({ id: `AwsSolutions-IAM5[Resource::${shown}]`, reason });
}

/** Spells a resolved token as cdk-nag does in its findings: `arn:<AWS::Partition>:s3:::name/*`. */
function show(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref: reference, 'Fn::GetAtt': attribute, 'Fn::Join': join } = value as Intrinsic;
  if (reference !== undefined) return `<${reference}>`;
  if (attribute !== undefined) return `<${attribute.join('.')}>`;
  if (join !== undefined) return join[1].map(show).join(join[0]);
  throw new TypeError(`No rule for ${JSON.stringify(value)} in an ARN: add one here.`);
}

interface Intrinsic {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: readonly string[];
  readonly 'Fn::Join'?: readonly [string, readonly unknown[]];
}
