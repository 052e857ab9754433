import { describe, expect, it } from 'vitest';
import { restoreRoleName } from '../../contract/environment-names.ts';
import { artifactKey, manifestKey } from '../../contract/vault-keys.ts';
import { BUCKET, resource, resources, wholeResources } from './deployed-values.ts';
import { ENVIRONMENT } from './example-environment.ts';
import { ADMINISTRATOR, mayInVault, mayWithKey, RESTORE } from './simulation.ts';
import { synthesize, synthesized } from './synthesized.ts';

const LABEL = '20261120T030000Z-logical-full-7f3a9c';
const ARTIFACT = artifactKey('orders', LABEL, 'globals.sql.0001');
const WRITES = [
  's3:PutObject',
  's3:PutObjectRetention',
  's3:DeleteObject',
  's3:DeleteObjectVersion',
];

describe('the bucket', () => {
  it('locks every object, keeps every version and outlives its stack', () => {
    expect(wholeResources(synthesized().vault, 'AWS::S3::Bucket')).toMatchObject([
      {
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          BucketName: BUCKET,
          ObjectLockEnabled: true,
          ObjectLockConfiguration: {
            ObjectLockEnabled: 'Enabled',
            Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 35 } },
          },
          VersioningConfiguration: { Status: 'Enabled' },
        },
      },
    ]);
    expect(wholeResources(synthesized().vault, 'AWS::S3::BucketPolicy')).toMatchObject([
      { DeletionPolicy: 'Retain' },
    ]);
  });

  it('is private, encrypted by S3 itself, and forgets stale uploads', () => {
    expect(resource(synthesized().vault, 'AWS::S3::Bucket')).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
        ],
      },
      LifecycleConfiguration: {
        Rules: [{ Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }],
      },
    });
  });

  it('takes mode, name and days from the environment', () => {
    const { vault } = synthesize({
      ...ENVIRONMENT,
      bucketName: 'our-backups',
      lockMode: 'GOVERNANCE',
      retentionDays: 10,
    });
    expect(resource(vault, 'AWS::S3::Bucket')).toMatchObject({
      BucketName: 'our-backups',
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 10 } } },
    });
  });

  it('allows nobody anything by itself', () => {
    const statements = resources(synthesized().vault, 'AWS::S3::BucketPolicy').flatMap(
      ({ PolicyDocument }) => (PolicyDocument as { Statement: { Effect: string }[] }).Statement,
    );
    expect(statements.length).toBeGreaterThan(5);
    expect(statements.filter(({ Effect }) => Effect !== 'Deny')).toEqual([]);
  });

  it.each([
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:BypassGovernanceRetention',
    's3:PutObjectLegalHold',
  ])("keeps the account's administrator from %s", async (action) => {
    expect(await mayInVault({ as: ADMINISTRATOR, action, key: ARTIFACT })).toBe(false);
  });

  it('keeps the administrator from locks beyond the bounds, and from overwriting', async () => {
    const put = { as: ADMINISTRATOR, action: 's3:PutObject', key: ARTIFACT };
    const creation = { 's3:ObjectCreationOperation': 'true' };
    const fresh = { ...creation, 's3:if-none-match': '*' };
    const days = 's3:object-lock-remaining-retention-days';
    expect(await mayInVault({ ...put, context: fresh })).toBe(true);
    expect(await mayInVault({ ...put, context: creation })).toBe(false);
    expect(await mayInVault({ ...put, context: { ...fresh, [days]: '400' } })).toBe(true);
    expect(await mayInVault({ ...put, context: { ...fresh, [days]: '401' } })).toBe(false);
    expect(await mayInVault({ ...put, context: { ...fresh, [days]: '1' } })).toBe(true);
    expect(await mayInVault({ ...put, context: { ...fresh, [days]: '0' } })).toBe(false);
  });

  it('makes no exception for any role: one that does not exist could be made by whoever likes', () => {
    const policy = resource(synthesized().vault, 'AWS::S3::BucketPolicy');
    expect(JSON.stringify(policy)).not.toMatch(/PrincipalArn|:role\//);
  });
});

describe('the restore role', () => {
  it('reads and lists every backup, and decrypts it', async () => {
    const as = RESTORE;
    expect(await mayInVault({ as, action: 's3:GetObjectVersion', key: ARTIFACT })).toBe(true);
    expect(
      await mayInVault({ as, action: 's3:GetObject', key: manifestKey('billing', LABEL) }),
    ).toBe(true);
    const context = { 's3:prefix': 'clusters/orders/catalog/' };
    expect(await mayInVault({ as, action: 's3:ListBucketVersions', context })).toBe(true);
    for (const cluster of ['orders', 'billing']) {
      expect(await mayWithKey(as, 'kms:Decrypt', cluster)).toBe(true);
    }
  });

  it.each(WRITES)('may not %s', async (action) => {
    const context = action === 's3:PutObject' ? { 's3:if-none-match': '*' } : {};
    expect(await mayInVault({ as: RESTORE, action, key: ARTIFACT, context })).toBe(false);
  });

  it('may be assumed for as long as IAM has it, since a restore may take hours', () => {
    const role = resource(
      synthesized().backup,
      'AWS::IAM::Role',
      ({ RoleName }) => RoleName === restoreRoleName('test'),
    );
    expect(role.MaxSessionDuration).toBe(12 * 3600);
  });

  it('may not encrypt', async () => {
    expect(await mayWithKey(RESTORE, 'kms:GenerateDataKey', 'orders')).toBe(false);
  });
});

describe("a cluster's key", () => {
  it('is one per cluster, multi-Region, rotated, and outlives its stack', () => {
    const { vault } = synthesized();
    const kept = {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: { MultiRegion: true, EnableKeyRotation: true },
    };
    const keys = wholeResources(vault, 'AWS::KMS::Key').filter((key) =>
      JSON.stringify(key).includes('data keys'),
    );
    expect(keys).toMatchObject([kept, kept]);
    expect(resources(vault, 'AWS::KMS::Alias').map(({ AliasName }) => AliasName)).toEqual([
      'alias/holdfast_test_vault_alarm',
      'alias/holdfast_test_orders',
      'alias/holdfast_test_billing',
    ]);
  });

  it.each([
    'kms:Decrypt',
    'kms:GenerateDataKey',
    'kms:Encrypt',
    'kms:ReEncryptFrom',
    'kms:CreateGrant',
    'kms:ScheduleKeyDeletion',
    'kms:DisableKey',
    'kms:DeleteImportedKeyMaterial',
  ])("keeps the account's administrator from %s", async (action) => {
    expect(await mayWithKey(ADMINISTRATOR, action, 'orders')).toBe(false);
  });

  it.each(['kms:PutKeyPolicy', 'kms:DescribeKey', 'kms:CancelKeyDeletion', 'kms:ReplicateKey'])(
    'lets the administrator look after it: %s',
    async (action) => {
      expect(await mayWithKey(ADMINISTRATOR, action, 'orders')).toBe(true);
    },
  );
});

it('is protected against termination', () => {
  const { vaultStack } = synthesized();
  expect(vaultStack.terminationProtection).toBe(true);
});
