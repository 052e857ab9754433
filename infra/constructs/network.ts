import { Validations } from 'aws-cdk-lib';
import {
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISubnet,
  type IVpc,
  SecurityGroup,
  Subnet,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { NetworkOptions } from '../environment.ts';

/** Where tasks run, and how they reach out. */
export class Network extends Construct {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroup: SecurityGroup;
  readonly assignPublicIp: boolean;

  constructor(scope: Construct, id: string, options: NetworkOptions) {
    super(scope, id);
    if (options.vpcId === undefined) {
      const natGateways = options.natGateways ?? 1;
      // The library's own class misses its interface by exactOptionalPropertyTypes alone.
      this.vpc = this.createVpc(natGateways) as IVpc;
      this.assignPublicIp = natGateways === 0;
      this.subnets = this.assignPublicIp ? this.vpc.publicSubnets : this.vpc.privateSubnets;
    } else {
      const { vpcId, availabilityZones = [], subnetIds = [] } = options;
      this.vpc = Vpc.fromVpcAttributes(this, 'Vpc', {
        vpcId,
        availabilityZones: [...availabilityZones],
      });
      this.assignPublicIp = options.assignPublicIp ?? false;
      this.subnets = subnetIds.map((subnetId, index) =>
        Subnet.fromSubnetId(this, `Subnet${index}`, subnetId),
      );
    }
    this.securityGroup = new SecurityGroup(this, 'Tasks', {
      vpc: this.vpc,
      description: 'Holdfast tasks: outward only, to PostgreSQL, S3, KMS and Secrets Manager',
      allowAllOutbound: true,
    });
  }

  private createVpc(natGateways: number): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.91.0.0/16'),
      maxAzs: 2,
      natGateways,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24 },
        ...(natGateways === 0
          ? []
          : [{ name: 'tasks', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 }]),
      ],
      // Without it NAT would be paid per GB for all that goes to the vault.
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason:
        'Only backup tasks live here, each for minutes, and nothing can connect to them. Teams that log flows give a VPC of their own.',
    });
    return vpc;
  }
}
