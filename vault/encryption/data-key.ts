import { type GenerateDataKeyCommandOutput, KMS } from '@aws-sdk/client-kms';
import { type ArtifactContext, encryptionContext } from '../../contract/encryption-context.ts';
import type { MessageMaterials } from './message-writer.ts';

/**
 * Gives each artifact a data key of its own, which is used once and then overwritten.
 *
 * @throws whatever the keys' keeper answers.
 */
export type DataKeySource = (artifact: ArtifactContext) => Promise<MessageMaterials>;

/** Bytes of a key for AES-256. */
const KEY_BYTES = 32;

/** By default a KMS that does not answer would hold a backup until it counts as stalled. */
const IMPATIENT = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 5_000, socketTimeout: 5_000 },
} as const;

/**
 * Asks KMS for data keys (`kms:GenerateDataKey`, nothing else), as the AWS Encryption SDK's keyring for
 * KMS does. That one brings a client of DynamoDB with it: megabytes that every task would load.
 *
 * @param kmsKeyArn ARN of the cluster's key; a multi-Region key can be decrypted in any of its Regions.
 */
export function kmsDataKeySource(kmsKeyArn: string): DataKeySource {
  const region = kmsKeyArn.split(':')[3];
  const kms = new KMS({ ...IMPATIENT, ...(region ? { region } : {}) });
  return async (artifact) => {
    const context = encryptionContext(artifact);
    const answer = await kms.generateDataKey({
      KeyId: kmsKeyArn,
      NumberOfBytes: KEY_BYTES,
      EncryptionContext: context,
    });
    return { ...wrapped(answer), encryptionContext: context };
  };
}

function wrapped(
  answer: GenerateDataKeyCommandOutput,
): Omit<MessageMaterials, 'encryptionContext'> {
  const { Plaintext, CiphertextBlob, KeyId } = answer;
  if (Plaintext === undefined || CiphertextBlob === undefined || KeyId === undefined) {
    throw new Error('KMS answered without a data key.');
  }
  // Out of the pool of small buffers, where it would be posted with its neighbours.
  const dataKey = Uint8Array.from(Plaintext);
  Plaintext.fill(0);
  return {
    dataKey,
    encryptedDataKeys: [
      // `aws-kms` is how any implementation of the message format knows that KMS opens the key.
      { providerId: 'aws-kms', providerInfo: KeyId, encryptedDataKey: CiphertextBlob },
    ],
  };
}
