import { expect, test } from 'vitest';
import { compactStatements } from './compact-statements.ts';
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

test('what differs by actions alone is joined; effects, resources and conditions keep apart', () => {
  const { Principal: _, ...put } = deny({ Sid: 'A' });
  const Condition = { Bool: { 'aws:SecureTransport': 'false' } };
  const apart: Statement[] = [
    { ...put, Effect: 'Allow' },
    { ...put, Resource: ['here'] },
    { ...put, Condition },
    { Effect: 'Deny', NotAction: 's3:GetObject', Resource: '*' },
    { Effect: 'Deny', NotAction: 's3:ListBucket', Resource: '*' },
  ];
  const joined = compactStatements([
    put,
    ...apart,
    { ...put, Sid: 'B', Action: ['s3:PutObject', 's3:DeleteObject'] },
  ]);
  expect(joined).toEqual([
    { Effect: 'Deny', Action: ['s3:PutObject', 's3:DeleteObject'], Resource: '*' },
    { Effect: 'Allow', Action: 's3:PutObject', Resource: '*' },
    { Effect: 'Deny', Action: 's3:PutObject', Resource: 'here' },
    { Effect: 'Deny', Action: 's3:PutObject', Resource: '*', Condition },
    { Effect: 'Deny', NotAction: 's3:GetObject', Resource: '*' },
    { Effect: 'Deny', NotAction: 's3:ListBucket', Resource: '*' },
  ]);
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
