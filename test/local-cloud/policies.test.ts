import { expect, test } from 'vitest';
import { splitEnforceable } from './not-enforced-here.ts';
import { matchesPattern, type Statement } from './policy.ts';
import { statementsFor } from './resource-policy.ts';

const ROLE = 'arn:aws:iam::000000000000:role/holdfast/backup/hf.local.orders';

test.each([
  ['everybody', deny({ Principal: '*' }), true],
  ['everybody as AWS', deny({ Principal: { AWS: '*' } }), true],
  ['the role itself', deny({ Principal: { AWS: [ROLE] } }), true],
  ['another role', deny({ Principal: { AWS: `${ROLE}x` } }), false],
  ['the account', deny({ Principal: { AWS: 'arn:aws:iam::000000000000:root' } }), false],
  ['all but the role', deny({ Condition: { ArnNotEquals: { 'aws:PrincipalArn': ROLE } } }), false],
  [
    'all but another',
    deny({ Condition: { ArnNotLike: { 'aws:PrincipalArn': '*/expire/*' } } }),
    true,
  ],
  ['roles like it', deny({ Condition: { ArnLike: { 'aws:PrincipalArn': '*/backup/*' } } }), true],
])('a deny for %s reaches the role: %#', (_, statement, reaches) => {
  const found = statementsFor(ROLE, { Version: '2012-10-17', Statement: [statement] });
  expect(found).toEqual(reaches ? [{ Effect: 'Deny', Action: 's3:PutObject', Resource: '*' }] : []);
});

test('conditions on other keys stay', () => {
  const Condition = {
    ArnLike: { 'aws:PrincipalArn': '*' },
    Bool: { 'aws:SecureTransport': 'false' },
  };
  const [found] = statementsFor(ROLE, { Version: '2012-10-17', Statement: [deny({ Condition })] });
  expect(found?.Condition).toEqual({ Bool: { 'aws:SecureTransport': 'false' } });
});

test('a deny on a key that the S3 server never populates is left out, and said', () => {
  const statement = deny({
    Sid: 'DenyOverwrites',
    Condition: { Null: { 's3:if-none-match': 'true' } },
  });
  expect(splitEnforceable([statement])).toEqual({
    enforced: [],
    leftOut: [{ statement: 'DenyOverwrites', keys: ['s3:if-none-match'] }],
  });
});

test('one that nobody has listed stops the local cloud', () => {
  const statement = deny({ Sid: 'DenyNew', Condition: { Null: { 's3:if-none-match': 'true' } } });
  expect(() => splitEnforceable([statement])).toThrow(/DenyNew rests on s3:if-none-match/);
});

test('an allow on such a key is refused: it would never allow anything here', () => {
  const statement: Statement = {
    ...deny({ Condition: { Null: { 's3:if-none-match': 'true' } } }),
    Effect: 'Allow',
  };
  expect(() => splitEnforceable([statement])).toThrow(/Deny statement of its own/);
});

test.each([
  ['s3:Put*', 's3:PutObject', true],
  ['s3:Put?bject', 's3:PutObject', true],
  ['s3.PutObject', 's3:PutObject', false],
  ['*', 'a\nb', true],
])('%s matches %j: %s', (pattern, value, matches) => {
  expect(matchesPattern(pattern, value)).toBe(matches);
});

function deny(of: Partial<Statement>): Statement {
  return { Effect: 'Deny', Action: 's3:PutObject', Resource: '*', Principal: '*', ...of };
}
