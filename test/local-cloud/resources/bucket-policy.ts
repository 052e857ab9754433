import type { Adapter } from '../model.ts';
import type { PolicyDocument } from '../policy.ts';

/**
 * `AWS::S3::BucketPolicy`: the S3 server's bucket policies know neither roles nor their ARNs, so its
 * statements are appended to each role's own policy.
 */
export const bucketPolicy: Adapter = ({ resource, model }) => {
  model.bucketPolicies.push(resource.properties.PolicyDocument as PolicyDocument);
};
