interface Described {
  readonly type: string;
  readonly physicalId: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

interface Place {
  readonly region: string;
  readonly account: string;
}

/** ARNs by resource type: how each is made of what `Ref` gives. */
const ARNS: Readonly<Record<string, (of: Described, place: Place) => string>> = {
  'AWS::S3::Bucket': ({ physicalId }) => `arn:aws:s3:::${physicalId}`,
  'AWS::IAM::Role': ({ physicalId, properties }, { account }) =>
    `arn:aws:iam::${account}:role${String(properties.Path ?? '/')}${physicalId}`,
  'AWS::KMS::Key': ({ physicalId }, { region, account }) =>
    `arn:aws:kms:${region}:${account}:key/${physicalId}`,
  'AWS::Lambda::Function': ({ physicalId }, { region, account }) =>
    `arn:aws:lambda:${region}:${account}:function:${physicalId}`,
  'AWS::Events::Rule': ({ physicalId }, { region, account }) =>
    `arn:aws:events:${region}:${account}:rule/${physicalId}`,
  'AWS::ECS::Cluster': ({ physicalId }, { region, account }) =>
    `arn:aws:ecs:${region}:${account}:cluster/${physicalId}`,
  'AWS::Logs::LogGroup': ({ physicalId }, { region, account }) =>
    `arn:aws:logs:${region}:${account}:log-group:${physicalId}:*`,
  'AWS::Scheduler::Schedule': ({ physicalId, properties }, { region, account }) =>
    `arn:aws:scheduler:${region}:${account}:schedule/${String(properties.GroupName ?? 'default')}/${physicalId}`,
  'AWS::Scheduler::ScheduleGroup': ({ physicalId }, { region, account }) =>
    `arn:aws:scheduler:${region}:${account}:schedule-group/${physicalId}`,
  'AWS::DynamoDB::Table': ({ physicalId }, { region, account }) =>
    `arn:aws:dynamodb:${region}:${account}:table/${physicalId}`,
  'AWS::SQS::Queue': ({ physicalId }, { region, account }) =>
    `arn:aws:sqs:${region}:${account}:${physicalId.split('/').at(-1)}`,
};

/** What `Fn::GetAtt` gives, or `undefined` where that is not known here. */
export function attribute(of: Described, name: string, place: Place): string | undefined {
  switch (`${of.type} ${name}`) {
    case 'AWS::KMS::Key KeyId':
    case 'AWS::EC2::SecurityGroup GroupId':
    case 'AWS::SNS::Topic TopicArn':
      return of.physicalId;
  }
  return name === 'Arn' ? ARNS[of.type]?.(of, place) : undefined;
}
