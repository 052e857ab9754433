import type { Adapter, BucketModel } from '../model.ts';
import { number, object, objects, onlyKnown, text } from './read.ts';

const KNOWN = [
  'BucketName',
  'ObjectLockConfiguration',
  'ObjectLockEnabled',
  'VersioningConfiguration',
  // The S3 server here has none of these; they are asserted on the template.
  'BucketEncryption',
  'LifecycleConfiguration',
  'MetricsConfigurations',
  'OwnershipControls',
  'PublicAccessBlockConfiguration',
  'Tags',
];

/** `AWS::S3::Bucket`: made on the S3 server, with Object Lock and its default retention. */
export const bucket: Adapter = ({ resource, model }) => {
  const { properties, physicalId } = resource;
  onlyKnown(properties, KNOWN, `bucket ${physicalId}`);
  const rule = object(object(properties, 'ObjectLockConfiguration'), 'Rule');
  const [retention] = objects(
    { list: rule.DefaultRetention ? [rule.DefaultRetention] : [] },
    'list',
  );
  model.buckets.push({
    name: physicalId,
    objectLock: properties.ObjectLockEnabled === true,
    ...(retention === undefined
      ? {}
      : {
          defaultRetention: {
            mode: text(retention, 'Mode') as NonNullable<BucketModel['defaultRetention']>['mode'],
            days:
              retention.Years === undefined
                ? number(retention, 'Days')
                : number(retention, 'Years') * 365,
          },
        }),
  });
};
