import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { LockMode } from '../../contract/names.ts';
import { INCREMENT_LOCK_DAYS } from '../../contract/wal-object.ts';

export interface LockBounds {
  /** ARN pattern of objects. */
  readonly objects: string;
  /** ARN pattern of those of them that hold a part of a WAL segment, until the whole one is there. */
  readonly increments: string;
  readonly lockMode: LockMode;
  /** Shortest rest of a lock that may be set, but for increments. Days. */
  readonly minDays: number;
  /** Longest rest of a lock that may be set, but for increments. Days. */
  readonly maxDays: number;
}

/** What is left of a lock when an object is written may be rounded either way. Days. */
const ROUNDING_DAYS = 1;

/**
 * Denies locks of another mode, without an end, or that end too soon or too late: when an object is
 * written as well as afterwards. They do not ask for a lock: the parts and the completion of a multipart
 * upload name none, and what comes without one gets the bucket's.
 *
 * Increments of WAL are many, and nobody needs them once their segment is whole: their locks are short,
 * and no other object's may be that short.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
 */
export function lockBoundStatements(bounds: LockBounds): PolicyStatement[] {
  const all = { resources: [bounds.objects] };
  // Whatever else there is, also under keys that nobody has thought of yet.
  const others = { notResources: [bounds.increments] };
  const increments = { resources: [bounds.increments] };
  return [
    denyLock(all, 'DenyOtherLockModes', {
      // A negated comparison also holds when the key is missing, so presence is asked for by name.
      Null: { 's3:object-lock-mode': 'false' },
      StringNotEquals: { 's3:object-lock-mode': bounds.lockMode },
    }),
    // Like a legal hold it has no end, but it is asked for with the lock and no right of its own.
    denyLock(all, 'DenyEventHolds', {
      StringEquals: { 's3:object-lock-event-hold': 'ON' },
    }),
    denyLock(others, 'DenyTooShortLocks', shorterThan(bounds.minDays)),
    denyLock(others, 'DenyTooLongLocks', longerThan(bounds.maxDays)),
    denyLock(
      increments,
      'DenyTooShortIncrementLocks',
      shorterThan(INCREMENT_LOCK_DAYS - ROUNDING_DAYS),
    ),
    denyLock(
      increments,
      'DenyTooLongIncrementLocks',
      longerThan(INCREMENT_LOCK_DAYS + ROUNDING_DAYS),
    ),
  ];
}

type Conditions = Record<string, Record<string, string>>;

function shorterThan(days: number): Conditions {
  return { NumericLessThan: { 's3:object-lock-remaining-retention-days': String(days) } };
}

function longerThan(days: number): Conditions {
  return { NumericGreaterThan: { 's3:object-lock-remaining-retention-days': String(days) } };
}

function denyLock(
  objects: { readonly resources: string[] } | { readonly notResources: string[] },
  sid: string,
  conditions: Conditions,
): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    actions: ['s3:PutObject', 's3:PutObjectRetention'],
    ...objects,
    conditions,
  });
}
