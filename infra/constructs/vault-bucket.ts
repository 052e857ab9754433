import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { LockMode } from '../../contract/names.ts';
import { vaultBucketStatements } from './vault-bucket-statements.ts';

export interface VaultBucketProps {
  /** Fixed for good: other stacks and the command know the bucket by it. */
  readonly bucketName: string;
  readonly lockMode: LockMode;
  /** Lock of an object that was written without one of its own. Days. */
  readonly defaultLockDays: number;
  /** Shortest lock that the vault takes. Days. */
  readonly minLockDays: number;
  /** Longest lock that the vault takes. Days. */
  readonly maxLockDays: number;
}

/** The append-only bucket. It outlives its stack. */
export class VaultBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, props: VaultBucketProps) {
    super(scope, id);
    const lock = Duration.days(props.defaultLockDays);
    this.bucket = new Bucket(this, 'Bucket', {
      bucketName: props.bucketName,
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention:
        props.lockMode === 'COMPLIANCE'
          ? ObjectLockRetention.compliance(lock)
          : ObjectLockRetention.governance(lock),
      // SSE-KMS would need kms:Decrypt for multipart uploads; the artifacts are encrypted anyway.
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [
        { id: 'abort-stale-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    for (const statement of vaultBucketStatements(this.bucket, props)) {
      this.bucket.addToResourcePolicy(statement);
    }
    // Without its policy a bucket that outlives the stack would take overwrites and deletes again.
    this.bucket.policy?.applyRemovalPolicy(RemovalPolicy.RETAIN);
    Validations.of(this.bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Server access logs are best effort and would need a second bucket; who touched the vault is told by CloudTrail data events.',
    });
  }
}
