/** Resource types that have no adapter, each with the reason why nothing is lost by it here. */
export const NOT_LOCAL: Readonly<Record<string, string>> = {
  'AWS::CDK::Metadata': 'Usage statistics of the CDK; nothing runs by it.',
  'AWS::CloudWatch::Alarm': 'No server here evaluates alarms; asserted on the template.',
  'AWS::DynamoDB::Table':
    'moto serves it as deployed; which keys a role may touch is asked on every call.',
  'AWS::KMS::Alias': 'moto serves it as deployed; Holdfast itself goes by ARN.',
  'AWS::KMS::Key': 'moto serves it as deployed, and its policy is evaluated on every call.',
  'AWS::Lambda::EventInvokeConfig':
    'How often Lambda tries an asynchronous call again; here each call is made once, and its answer seen.',
  'AWS::Logs::LogGroup':
    "moto makes it, so references work; a task's and a function's output goes to a file of the run.",
  'AWS::SNS::Subscription': 'Nothing is delivered; what was published is read back from moto.',
  'AWS::SNS::Topic': 'moto serves it as deployed, and asks for the rights on its key.',
  'AWS::SNS::TopicPolicy':
    'Only services that are not here publish by it; asserted on the template.',
  'AWS::SSM::Parameter': 'moto serves it as deployed; there is nothing to add.',
  ...network([
    'EIP',
    'InternetGateway',
    'NatGateway',
    'Route',
    'RouteTable',
    'SecurityGroup',
    'SecurityGroupEgress',
    'SecurityGroupIngress',
    'Subnet',
    'SubnetRouteTableAssociation',
    'VPC',
    'VPCEndpoint',
    'VPCGatewayAttachment',
  ]),
};

function network(types: readonly string[]): Record<string, string> {
  const reason =
    'Containers run on loopback; moto makes it, so references work. Asserted on the template.';
  return Object.fromEntries(types.map((type) => [`AWS::EC2::${type}`, reason]));
}
