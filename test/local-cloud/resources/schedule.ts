import type { Adapter } from '../model.ts';
import { object, text } from './read.ts';

/** `AWS::Scheduler::Schedule`: fired by the driver of schedules, never by the clock. */
export const schedule: Adapter = ({ resource, model }) => {
  const { properties, physicalId } = resource;
  const target = object(properties, 'Target');
  const group = properties.GroupName === undefined ? 'default' : text(properties, 'GroupName');
  model.schedules.push({
    name: physicalId,
    arn: `arn:aws:scheduler:${model.region}:${model.account}:schedule/${group}/${physicalId}`,
    targetArn: text(target, 'Arn'),
    roleArn: text(target, 'RoleArn'),
    input: text(target, 'Input'),
    expression: text(properties, 'ScheduleExpression'),
    enabled: properties.State !== 'DISABLED',
  });
};
