import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { LockMode } from '../../contract/names.ts';

export interface LockBounds {
  /** ARN patterns of objects. */
  readonly resources: string[];
  readonly lockMode: LockMode;
  /** Shortest rest of a lock that may be set. Days. */
  readonly minDays: number;
  /** Longest rest of a lock that may be set. Days. */
  readonly maxDays: number;
}

/**
 * Denies locks of another mode, without an end, or that end too soon or too late: when an object is
 * written as well as afterwards. They do not ask for a lock: the parts and the completion of a multipart
 * upload name none, and what comes without one gets the bucket's.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
 */
export function lockBoundStatements(bounds: LockBounds): PolicyStatement[] {
  return [
    denyLock(bounds, 'DenyOtherLockModes', {
      // A negated comparison also holds when the key is missing, so presence is asked for by name.
      Null: { 's3:object-lock-mode': 'false' },
      StringNotEquals: { 's3:object-lock-mode': bounds.lockMode },
    }),
    // Like a legal hold it has no end, but it is asked for with the lock and no right of its own.
    denyLock(bounds, 'DenyEventHolds', {
      StringEquals: { 's3:object-lock-event-hold': 'ON' },
    }),
    denyLock(bounds, 'DenyTooShortLocks', {
      NumericLessThan: { 's3:object-lock-remaining-retention-days': String(bounds.minDays) },
    }),
    denyLock(bounds, 'DenyTooLongLocks', {
      NumericGreaterThan: { 's3:object-lock-remaining-retention-days': String(bounds.maxDays) },
    }),
  ];
}

function denyLock(
  bounds: LockBounds,
  sid: string,
  conditions: Record<string, Record<string, string>>,
): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    actions: ['s3:PutObject', 's3:PutObjectRetention'],
    resources: bounds.resources,
    conditions,
  });
}
