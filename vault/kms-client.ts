import type { buildAwsKmsMrkAwareStrictMultiKeyringNode } from '@aws-crypto/client-node';
import { KMS } from '@aws-sdk/client-kms';

type ClientProvider = NonNullable<
  Parameters<typeof buildAwsKmsMrkAwareStrictMultiKeyringNode>[0]['clientProvider']
>;

/**
 * The client that data keys are asked for with. It gives up on a KMS that does not answer, which by
 * default would hold a backup until it counts as stalled.
 */
// The two libraries' types differ in nothing but how they write optional properties.
export const kmsClient = ((region: string) =>
  new KMS({
    region,
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 5_000 },
  })) as unknown as ClientProvider;
