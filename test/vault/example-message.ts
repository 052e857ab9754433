import { createHash, randomBytes } from 'node:crypto';
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node';
import type { ArtifactContext } from '../../contract/encryption-context.ts';
import type { OpenDataKeys } from '../../vault/decryption-keyring.ts';
import type { Digest } from '../../vault/verify-digest.ts';

const client = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);

/** Stands for a KMS key: the only thing about a message that a raw key cannot show. */
export function rawDataKeys(masterKey: Uint8Array = randomBytes(32)): OpenDataKeys {
  return () => ({
    keyring: new RawAesKeyringNode({
      keyName: 'test',
      keyNamespace: 'test',
      // A copy: the keyring overwrites with zeros what it was given.
      unencryptedMasterKey: Uint8Array.from(masterKey),
      wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
    }),
    failure: () => undefined,
    key: 'test',
  });
}

export async function encryptExample(
  plainText: Buffer,
  context: ArtifactContext & Record<string, string>,
  dataKeys: OpenDataKeys,
  frameLength = 1024,
): Promise<Buffer> {
  const { result } = await client.encrypt(dataKeys().keyring, plainText, {
    suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
    encryptionContext: { ...context },
    frameLength,
  });
  return result;
}

export function digestOf(bytes: Buffer): Digest {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Feeds bytes in pieces of a given size. */
export async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
