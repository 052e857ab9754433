import { conditionKeys, nameOf, type Statement } from './policy.ts';

/**
 * Condition keys that the S3 server here does not populate (it rejects them in bucket policies, and
 * in a user's policy they are always absent). A Deny that rests on one is left out locally, and
 * proved by simulation on the template instead. An Allow may not rest on one.
 */
const NOT_POPULATED: readonly RegExp[] = [
  /^s3:if-none-match$/i,
  /^s3:ObjectCreationOperation$/i,
  /^s3:object-lock-/i,
  /^aws:PrincipalOrgID$/i,
  /^aws:PrincipalTag\//i,
  /^aws:SourceVpce$/i,
];

/**
 * The statements that rest on such keys, by `Sid`, and what they are for. Each is proved by simulation
 * on the synthesized template (test/infra); one that is not listed here stops the local cloud.
 */
export const NOT_ENFORCED_HERE: Readonly<Record<string, string>> = {
  DenyOverwrites: 'an object is written only where none is',
  DenyOtherLockModes: 'every lock has the mode that the environment chose',
  DenyEventHolds: 'no hold without an end',
  DenyTooShortLocks: 'no lock shorter than the lower bound',
  DenyTooLongLocks: 'no lock longer than the upper bound',
  DenyTooShortIncrementLocks: 'no increment of WAL locked for less than a day',
  DenyTooLongIncrementLocks: 'no increment of WAL locked for more than three days',
};

/** What is left out, in words. */
export interface LeftOut {
  readonly statement: string;
  readonly keys: readonly string[];
}

export interface Split {
  readonly enforced: readonly Statement[];
  readonly leftOut: readonly LeftOut[];
}

/** Parts the statements that the S3 server can enforce from those that it cannot. */
export function splitEnforceable(statements: readonly Statement[]): Split {
  const enforced: Statement[] = [];
  const leftOut: LeftOut[] = [];
  for (const statement of statements) {
    const keys = conditionKeys(statement).filter((key) => NOT_POPULATED.some((p) => p.test(key)));
    if (keys.length === 0) {
      enforced.push(statement);
      continue;
    }
    if (statement.Effect === 'Allow') {
      throw new Error(
        `${nameOf(statement)} allows on condition of ${keys.join(', ')}, which the S3 server here never populates: put the condition into a Deny statement of its own.`,
      );
    }
    if (!(nameOf(statement) in NOT_ENFORCED_HERE)) {
      throw new Error(
        `${nameOf(statement)} rests on ${keys.join(', ')}, which the S3 server here never populates: prove it by simulation and list it in not-enforced-here.ts.`,
      );
    }
    leftOut.push({ statement: nameOf(statement), keys: [...new Set(keys)] });
  }
  return { enforced, leftOut };
}
