import type { Adapter, TaskTarget } from '../model.ts';
import { number, object, onlyKnown, type Properties, text, texts } from './read.ts';

/** `AWS::Scheduler::Schedule`: fired by the driver of schedules, never by the clock. */
export const schedule: Adapter = ({ resource, model }) => {
  const { properties, physicalId } = resource;
  const target = object(properties, 'Target');
  const group = properties.GroupName === undefined ? 'default' : text(properties, 'GroupName');
  const task = target.EcsParameters === undefined ? undefined : taskOf(target);
  model.schedules.push({
    name: physicalId,
    arn: `arn:aws:scheduler:${model.region}:${model.account}:schedule/${group}/${physicalId}`,
    targetArn: text(target, 'Arn'),
    roleArn: text(target, 'RoleArn'),
    ...(task === undefined ? { input: text(target, 'Input') } : { input: '{}', task }),
    expression: text(properties, 'ScheduleExpression'),
    enabled: properties.State !== 'DISABLED',
  });
};

function taskOf(target: Properties): TaskTarget {
  const of = object(target, 'EcsParameters');
  const known = [
    'LaunchType',
    'NetworkConfiguration',
    'PropagateTags',
    'TaskCount',
    'TaskDefinitionArn',
  ];
  onlyKnown(of, known, 'a schedule of tasks');
  if (number(of, 'TaskCount', 1) !== 1) throw new Error('A schedule starts one task here.');
  const network = object(object(of, 'NetworkConfiguration'), 'AwsvpcConfiguration');
  return {
    taskDefinition: text(of, 'TaskDefinitionArn'),
    launchType: text(of, 'LaunchType'),
    subnets: texts(network, 'Subnets') ?? [],
    propagateTags: text(of, 'PropagateTags'),
  };
}
