import { expect, test } from 'vitest';
import type { Assembly } from './assembly.ts';
import { type Deployment, resolveAssembly, UnresolvedError } from './resolver.ts';

const deployment: Deployment = {
  region: 'eu-central-1',
  account: '000000000000',
  physicalId: (_, logicalId) => (logicalId === 'Skipped' ? undefined : `id-of-${logicalId}`),
  parameter: (name) => `value-of-${name}`,
};

test.each([
  ['a resource', { Ref: 'Role' }, 'id-of-Role'],
  ['a pseudo parameter', { Ref: 'AWS::Region' }, 'eu-central-1'],
  ['a parameter from Systems Manager', { Ref: 'FromSsm' }, 'value-of-/some/name'],
  ['a parameter with a default', { Ref: 'Plain' }, 'plain'],
  [
    "a role's ARN with its path",
    { 'Fn::GetAtt': ['Role', 'Arn'] },
    'arn:aws:iam::000000000000:role/some/path/id-of-Role',
  ],
  ['a join', { 'Fn::Join': ['-', ['a', { Ref: 'Plain' }, 'b']] }, 'a-plain-b'],
  [
    'a substitution',
    { 'Fn::Sub': `\${AWS::AccountId}:\${Role.Arn}:\${!kept}` },
    `000000000000:arn:aws:iam::000000000000:role/some/path/id-of-Role:\${kept}`,
  ],
  ['a substitution with variables', { 'Fn::Sub': [`\${x}`, { x: { Ref: 'Plain' } }] }, 'plain'],
  ['a split and a choice', { 'Fn::Select': [1, { 'Fn::Split': ['/', 'a/b/c'] }] }, 'b'],
  ['a zone', { 'Fn::Select': [0, { 'Fn::GetAZs': '' }] }, 'eu-central-1a'],
  ['a dynamic reference', 'x{{resolve:ssm:/some/name}}y', 'xvalue-of-/some/namey'],
  ['no value in a list', [{ Ref: 'AWS::NoValue' }, 1], [1]],
  ['no value in an object', { a: { Ref: 'AWS::NoValue' }, b: 1 }, { b: 1 }],
  ['the name of what the control plane skips', { Ref: 'Skipped' }, 'its name'],
])('resolves %s', (_, value, expected) => {
  expect(resolved(value)).toEqual(expected);
});

test.each([
  ['an intrinsic function that it does not know', { 'Fn::Base64': 'x' }, /Fn::Base64/],
  ['an attribute that it does not know', { 'Fn::GetAtt': ['Role', 'Nonsense'] }, /Nonsense/],
  ['a resource that is not there', { 'Fn::GetAtt': ['Nothing', 'Arn'] }, /Nothing/],
  ['a parameter without a default', { Ref: 'Bare' }, /Bare/],
])('refuses %s', (_, value, message) => {
  expect(() => resolved(value)).toThrow(UnresolvedError);
  expect(() => resolved(value)).toThrow(message);
});

function resolved(value: unknown): unknown {
  const assembly: Assembly = {
    directories: ['/nowhere'],
    images: new Map(),
    files: new Map(),
    stacks: [
      {
        name: 'Stack',
        template: {
          Parameters: {
            FromSsm: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/some/name' },
            Plain: { Type: 'String', Default: 'plain' },
            Bare: { Type: 'String' },
          },
          Resources: {
            Role: { Type: 'AWS::IAM::Role', Properties: { Path: '/some/path/' } },
            Skipped: { Type: 'AWS::Scheduler::Schedule', Properties: { Name: 'its name' } },
            Subject: { Type: 'Test::Subject', Properties: { value } },
          },
        },
      },
    ],
  };
  const subject = resolveAssembly(assembly, deployment).find(
    ({ logicalId }) => logicalId === 'Subject',
  );
  return subject?.properties.value;
}
