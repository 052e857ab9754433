import { type Effect, type IPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { BACKUP_MANIFEST_ARTIFACT } from '../../contract/physical-manifest.ts';

/** Actions that look after the key and touch no data. PutKeyPolicy is among them: KMS insists. */
export const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:ListAliases',
  'kms:ListGrants',
  'kms:ListKeyPolicies',
  'kms:ListKeyRotations',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:ReplicateKey',
  'kms:RotateKeyOnDemand',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
  'kms:UpdateKeyDescription',
  'kms:UpdatePrimaryRegion',
];

/** Without the key a locked object is noise: these lose it, or take it out of use. */
export const DESTRUCTION = [
  'kms:DeleteImportedKeyMaterial',
  'kms:DisableKey',
  'kms:DisableKeyRotation',
  'kms:ScheduleKeyDeletion',
];

/** A statement of a key's policy. */
export function keyStatement(
  sid: string,
  effect: Effect,
  actions: string[],
  principal: IPrincipal,
  conditions: Record<string, Record<string, string>> = {},
): PolicyStatement {
  // In a key's policy the only resource is the key itself.
  return new PolicyStatement({
    sid,
    effect,
    actions,
    resources: ['*'],
    principals: [principal],
    conditions,
  });
}

/** What the encryption of a backup's `backup_manifest` is bound to, whichever backup it is. */
export function parentManifestContext(cluster: string): Record<string, string> {
  return {
    'kms:EncryptionContext:cluster': cluster,
    'kms:EncryptionContext:artifact': BACKUP_MANIFEST_ARTIFACT,
  };
}
