import type { Adapter } from '../model.ts';
import { number, object, onlyKnown, text } from './read.ts';

const KNOWN = [
  'Architectures',
  'Code',
  'Description',
  'Environment',
  'FunctionName',
  'Handler',
  'LoggingConfig',
  'MemorySize',
  // Lambda's own throttle: one process per invocation here.
  'ReservedConcurrentExecutions',
  'Role',
  'Runtime',
  'Tags',
  'Timeout',
  'TracingConfig',
];

/** `AWS::Lambda::Function`: its bundle runs as a child process under what the template says. */
export const lambdaFunction: Adapter = ({ resource, model, files }) => {
  const { properties, physicalId } = resource;
  onlyKnown(properties, KNOWN, `function ${physicalId}`);
  const runtime = text(properties, 'Runtime');
  if (runtime !== 'nodejs24.x')
    throw new Error(`${physicalId} wants ${runtime}; here runs nodejs24.x.`);
  const key = text(object(properties, 'Code'), 'S3Key');
  const bundle = files.get(key);
  if (bundle === undefined)
    throw new Error(`${physicalId}'s code ${key} is no asset of the templates.`);
  const variables = object(object(properties, 'Environment'), 'Variables');
  model.functions.set(physicalId, {
    name: physicalId,
    arn: `arn:aws:lambda:${model.region}:${model.account}:function:${physicalId}`,
    roleArn: text(properties, 'Role'),
    handler: text(properties, 'Handler'),
    timeoutSeconds: number(properties, 'Timeout', 3),
    memoryMiB: number(properties, 'MemorySize', 128),
    environment: Object.fromEntries(
      Object.keys(variables).map((name) => [name, text(variables, name)]),
    ),
    bundle,
  });
};
