import { Subnet, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { NetworkProps } from './constructs/network.ts';
import type { NetworkOptions } from './environment.ts';

/** What an environment's file says of the network, as the constructs take it. */
export function importNetwork(scope: Construct, options: NetworkOptions): NetworkProps {
  const { vpcId, availabilityZones = [], subnetIds = [], natGateways, assignPublicIp } = options;
  if (vpcId === undefined) return natGateways === undefined ? {} : { natGateways };
  const subnets = subnetIds.map((subnetId, index) =>
    Subnet.fromSubnetId(scope, `Subnet${index}`, subnetId),
  );
  return {
    // By its attributes: looking it up would need credentials at synth.
    vpc: Vpc.fromVpcAttributes(scope, 'Vpc', { vpcId, availabilityZones: [...availabilityZones] }),
    vpcSubnets: { subnets },
    ...(assignPublicIp === undefined ? {} : { assignPublicIp }),
  };
}
