import { Validations } from 'aws-cdk-lib';
import {
  type CfnEIP,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISubnet,
  type IVpc,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';

export interface NetworkProps {
  /**
   * An existing VPC. Give it an S3 gateway endpoint, or NAT is paid for all that goes to the vault.
   * @default - a new one over two availability zones, with an S3 gateway endpoint
   */
  readonly vpc?: IVpc;
  /**
   * The existing VPC's subnets that tasks run in.
   * @default - its private subnets with a way out
   */
  readonly vpcSubnets?: SubnetSelection;
  /**
   * NAT gateways of the new VPC, 0 to 2. With 0 tasks run in public subnets under public addresses.
   * @default 1
   */
  readonly natGateways?: number;
  /**
   * Whether tasks in the existing VPC's subnets need a public address to reach out.
   * @default false
   */
  readonly assignPublicIp?: boolean;
}

/** Where tasks run, and how they reach out. */
export class Network extends Construct {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroup: SecurityGroup;
  readonly assignPublicIp: boolean;
  /** Addresses that all tasks come from: one per NAT gateway of a VPC of ours, else none. */
  readonly egressAddresses: readonly string[];

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    if (props.vpc === undefined) {
      const natGateways = props.natGateways ?? 1;
      // The library's own class misses its interface by exactOptionalPropertyTypes alone.
      const vpc = this.createVpc(natGateways);
      this.vpc = vpc as IVpc;
      this.egressAddresses = vpc.publicSubnets
        .flatMap(({ node }) => node.tryFindChild('EIP') ?? [])
        .map((address) => (address as CfnEIP).attrPublicIp);
      this.assignPublicIp = natGateways === 0;
      this.subnets = this.assignPublicIp ? this.vpc.publicSubnets : this.vpc.privateSubnets;
    } else {
      this.vpc = props.vpc;
      this.egressAddresses = [];
      this.assignPublicIp = props.assignPublicIp ?? false;
      const chosen = props.vpcSubnets ?? { subnetType: SubnetType.PRIVATE_WITH_EGRESS };
      this.subnets = this.vpc.selectSubnets(chosen).subnets;
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
