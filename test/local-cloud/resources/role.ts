import type { Adapter } from '../model.ts';
import { listOf, type PolicyDocument } from '../policy.ts';
import { objects, text, texts } from './read.ts';

/** AWS's own policies that the stacks refer to: the part that matters here. */
const MANAGED: Readonly<Record<string, PolicyDocument>> = {
  'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole': {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: '*',
      },
    ],
  },
};

/** `AWS::IAM::Role`: one principal, with one key pair that is known to every server. */
export const role: Adapter = ({ resource, model }) => {
  const { properties, physicalId } = resource;
  const trust = properties.AssumeRolePolicyDocument as PolicyDocument;
  const policies = objects(properties, 'Policies').map(
    (inline) => inline.PolicyDocument as PolicyDocument,
  );
  for (const arn of texts(properties, 'ManagedPolicyArns') ?? []) {
    const managed = MANAGED[arn];
    if (managed === undefined)
      throw new Error(`${physicalId} has ${arn}: add it to resources/role.ts.`);
    policies.push(managed);
  }
  const path = properties.Path === undefined ? '/' : text(properties, 'Path');
  model.roles.push({
    name: physicalId,
    arn: `arn:aws:iam::${model.account}:role${path}${physicalId}`,
    trusts: trust.Statement.flatMap(({ Principal }) =>
      Principal === '*' || Principal === undefined
        ? []
        : [...listOf(Principal.Service), ...listOf(Principal.AWS).map(() => 'account')],
    ),
    policies,
  });
};

/** `AWS::IAM::Policy`: joins the roles that it names; read after all roles. */
export const policy: Adapter = ({ resource, model }) => {
  for (const name of texts(resource.properties, 'Roles') ?? []) {
    const owner = model.roles.find((each) => each.name === name);
    if (owner === undefined)
      throw new Error(`${resource.logicalId} is for ${name}, a role not in the templates.`);
    owner.policies.push(resource.properties.PolicyDocument as PolicyDocument);
  }
};
