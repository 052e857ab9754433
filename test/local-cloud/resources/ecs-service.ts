import type { Adapter } from '../model.ts';
import { number, onlyKnown, text } from './read.ts';

const KNOWN = [
  // One task at most, wherever it runs.
  'AvailabilityZoneRebalancing',
  'Cluster',
  // Nothing is deployed twice here.
  'DeploymentConfiguration',
  'DeploymentController',
  'DesiredCount',
  'EnableECSManagedTags',
  'LaunchType',
  'NetworkConfiguration',
  'PropagateTags',
  'ServiceName',
  'Tags',
  'TaskDefinition',
];

/** `AWS::ECS::Service`: keeps one container running under its task definition. */
export const ecsService: Adapter = ({ resource, model }) => {
  const { properties } = resource;
  const name = text(properties, 'ServiceName');
  onlyKnown(properties, KNOWN, `service ${name}`);
  const desiredCount = number(properties, 'DesiredCount', 1);
  if (desiredCount > 1) throw new Error(`${name} wants ${desiredCount} tasks; here runs one.`);
  const cluster = text(properties, 'Cluster');
  const found = [...model.ecsClusters].find(
    ([arn, each]) => arn === cluster || each.name === cluster,
  );
  if (found === undefined)
    throw new Error(`${name} is for ${cluster}, a cluster not in the templates.`);
  model.services.set(name, {
    name,
    clusterArn: found[0],
    taskDefinitionArn: text(properties, 'TaskDefinition'),
    desiredCount,
  });
};
