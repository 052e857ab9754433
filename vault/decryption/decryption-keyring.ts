import { AwsKmsMrkAwareSymmetricKeyringNode, type KeyringNode } from '@aws-crypto/client-node';
import { type DecryptCommandInput, KMS } from '@aws-sdk/client-kms';

/** A keyring for one message, and what its service said if it refused. */
export interface DataKeyOpener {
  readonly keyring: KeyringNode;
  /** The SDK hands on only the text of KMS's refusal: this is the refusal itself. */
  readonly failure: () => unknown;
  /** What was asked, for the error: the key's ARN. */
  readonly key: string;
}

export type OpenDataKeys = () => DataKeyOpener;

/**
 * Opens data keys with exactly one KMS key, or its replica in this Region. A message that was
 * wrapped with another key is refused without asking KMS.
 *
 * @param kmsKeyArn the cluster's key, from SSM.
 */
export function kmsDataKeys(kmsKeyArn: string): OpenDataKeys {
  const region = kmsKeyArn.split(':')[3];
  const kms = new KMS({ maxAttempts: 5, ...(region ? { region } : {}) });
  return () => {
    let failure: unknown;
    const client = {
      decrypt: async (input: DecryptCommandInput) => {
        try {
          const { KeyId = '', Plaintext = new Uint8Array() } = await kms.decrypt(input);
          return { KeyId, Plaintext };
        } catch (error) {
          failure = error;
          throw error;
        }
      },
      encrypt: refuse,
      generateDataKey: refuse,
    };
    return {
      keyring: new AwsKmsMrkAwareSymmetricKeyringNode({ client, keyId: kmsKeyArn }),
      failure: () => failure,
      key: kmsKeyArn,
    };
  };
}

async function refuse(): Promise<never> {
  throw new Error('A reader of the vault encrypts nothing.');
}
