import type { Adapter } from '../model.ts';

/** `AWS::ECS::Cluster`: a name that tasks are started and listed under. */
export const ecsCluster: Adapter = ({ resource, model }) => {
  const arn = `arn:aws:ecs:${model.region}:${model.account}:cluster/${resource.physicalId}`;
  model.ecsClusters.set(arn, { name: resource.physicalId });
};
