import type { Adapter } from '../model.ts';
import { onlyKnown, text } from './read.ts';

/** `AWS::Lambda::Permission`: which service may invoke a function, and on whose behalf. */
export const permission: Adapter = ({ resource, model }) => {
  const { properties, logicalId } = resource;
  onlyKnown(
    properties,
    ['Action', 'FunctionName', 'Principal', 'SourceArn'],
    `permission ${logicalId}`,
  );
  if (text(properties, 'Action') !== 'lambda:InvokeFunction') return;
  model.invokePermissions.push({
    functionArn: text(properties, 'FunctionName'),
    principal: text(properties, 'Principal'),
    sourceArn: text(properties, 'SourceArn'),
  });
};
