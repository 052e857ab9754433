import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { LockMode } from '../../contract/names.ts';
import { walIncrementsPattern } from '../../contract/wal-keys.ts';
import { lockBoundStatements } from './lock-bounds.ts';

export interface VaultBucketRules {
  readonly lockMode: LockMode;
  readonly minLockDays: number;
  readonly maxLockDays: number;
}

/**
 * The bucket's policy: denies only, for everybody, administrators included. Each rests on one
 * condition, so that what a statement forbids can be read from its `Sid`.
 */
export function vaultBucketStatements(bucket: Bucket, rules: VaultBucketRules): PolicyStatement[] {
  const objects = bucket.arnForObjects('*');
  return [
    deny('DenyInsecureTransport', ['s3:*'], [bucket.bucketArn, objects], {
      Bool: { 'aws:SecureTransport': 'false' },
    }),
    // Parts and the start of an upload create no object and know no If-None-Match: without
    // s3:ObjectCreationOperation this would forbid every multipart upload.
    deny('DenyOverwrites', ['s3:PutObject'], [objects], {
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    }),
    // Without a version id a delete only hides the object behind a marker; nobody needs that here.
    deny('DenyDeleteMarkers', ['s3:DeleteObject'], [objects]),
    // Also after its lock has ended: nothing removes backups yet, and an exception for a role that does
    // not exist would be one for whoever makes a role of that name.
    deny('DenyDeletingVersions', ['s3:DeleteObjectVersion'], [objects]),
    deny('DenyGovernanceBypass', ['s3:BypassGovernanceRetention'], [objects]),
    // A legal hold has no end: set by a stolen role, it would keep every object for good.
    deny('DenyLegalHolds', ['s3:PutObjectLegalHold'], [objects]),
    ...lockBoundStatements({
      objects,
      increments: bucket.arnForObjects(walIncrementsPattern('*')),
      lockMode: rules.lockMode,
      minDays: rules.minLockDays,
      maxDays: rules.maxLockDays,
    }).map((statement) => {
      statement.addAnyPrincipal();
      return statement;
    }),
  ];
}

type Conditions = Record<string, Record<string, string>>;

function deny(
  sid: string,
  actions: string[],
  resources: string[],
  conditions: Conditions = {},
): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions,
    resources,
    conditions,
  });
}
