import {
  type Condition,
  listOf,
  matchesPattern,
  nameOf,
  type OneOrMore,
  type PolicyDocument,
  type Statement,
} from './policy.ts';

const PRINCIPAL_ARN = 'aws:principalarn';

/**
 * What a bucket's policy means for one role, as statements that can stand in that role's own policy:
 * the S3 server knows users and not roles, so a condition on `aws:PrincipalArn` is settled now, when
 * the principal is known.
 */
export function statementsFor(roleArn: string, policy: PolicyDocument): Statement[] {
  return policy.Statement.flatMap((statement) => {
    if (statement.NotPrincipal !== undefined) {
      throw new Error(
        `${nameOf(statement)} uses NotPrincipal, which the local cloud does not know.`,
      );
    }
    if (!names(statement.Principal, roleArn)) return [];
    const condition = settlePrincipal(statement, roleArn);
    if (condition === 'does not apply') return [];
    const { Principal: _, Condition: __, ...rest } = statement;
    return [
      {
        ...rest,
        ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
      },
    ];
  });
}

function names(principal: Statement['Principal'], roleArn: string): boolean {
  if (principal === '*') return true;
  // An account (`…:root`) is not a role: it hands the decision to the role's own policy.
  return listOf(principal?.AWS).some((arn) => arn === '*' || arn === roleArn);
}

function settlePrincipal(statement: Statement, roleArn: string): Condition | 'does not apply' {
  const left: Record<string, Record<string, OneOrMore>> = {};
  for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
    for (const [key, values] of Object.entries(keys)) {
      if (key.toLowerCase() === PRINCIPAL_ARN) {
        if (!holds(operator, roleArn, listOf(values), statement)) return 'does not apply';
      } else {
        left[operator] = { ...left[operator], [key]: values };
      }
    }
  }
  return left;
}

function holds(
  operator: string,
  arn: string,
  patterns: readonly string[],
  statement: Statement,
): boolean {
  switch (operator.replace(/IfExists$/, '')) {
    case 'ArnLike':
    case 'ArnEquals':
    case 'StringLike':
      return patterns.some((pattern) => matchesPattern(pattern, arn));
    case 'ArnNotLike':
    case 'ArnNotEquals':
    case 'StringNotLike':
      return !patterns.some((pattern) => matchesPattern(pattern, arn));
    case 'StringEquals':
      return patterns.includes(arn);
    case 'StringNotEquals':
      return !patterns.includes(arn);
  }
  throw new Error(
    `${nameOf(statement)} asks ${operator} of aws:PrincipalArn, which the local cloud does not know.`,
  );
}
