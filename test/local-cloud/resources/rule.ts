import type { Adapter, EventPattern } from '../model.ts';
import { object, objects, onlyKnown, text, texts } from './read.ts';

const KNOWN = ['Description', 'EventPattern', 'Name', 'State', 'Tags', 'Targets'];

/** No server here records calls as CloudTrail does: what such rules take is asserted on the template. */
const NOT_HERE = 'AWS API Call via CloudTrail';

/** `AWS::Events::Rule`: the bus of the local cloud hands its targets the events that it matches. */
export const rule: Adapter = ({ resource, model }) => {
  const { properties, physicalId } = resource;
  const pattern = object(properties, 'EventPattern');
  if (texts(pattern, 'detail-type')?.includes(NOT_HERE)) return;
  onlyKnown(properties, KNOWN, `rule ${physicalId}`);
  model.rules.push({
    name: physicalId,
    arn: `arn:aws:events:${model.region}:${model.account}:rule/${physicalId}`,
    pattern: pattern as EventPattern,
    enabled: properties.State !== 'DISABLED',
    targetArns: objects(properties, 'Targets').map((target) => {
      onlyKnown(target, ['Arn', 'Id'], `a target of rule ${physicalId}`);
      return text(target, 'Arn');
    }),
  });
};
