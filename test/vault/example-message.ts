import { createHash, randomBytes } from 'node:crypto';
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  type KeyringNode,
  NodeDefaultCryptographicMaterialsManager,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node';
import { unwrapDataKey } from '@aws-crypto/material-management-node';
import { type ArtifactContext, encryptionContext } from '../../contract/encryption-context.ts';
import type { OpenDataKeys } from '../../vault/decryption/decryption-keyring.ts';
import type { Digest } from '../../vault/decryption/verify-digest.ts';
import { algorithmSuite } from '../../vault/encryption/algorithm-suite.ts';
import type { DataKeySource } from '../../vault/encryption/data-key.ts';
import { EncryptedMessage, sliceBuffer } from '../../vault/encryption/encrypted-message.ts';
import { FRAME_BYTES } from '../../vault/encryption/message-format.ts';
import type { MessageMaterials } from '../../vault/encryption/message-writer.ts';

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

/** Data keys from a keyring of the SDK's, in KMS's place. */
export function dataKeySource(keyring: KeyringNode): DataKeySource {
  const manager = new NodeDefaultCryptographicMaterialsManager(keyring);
  return async (artifact) => {
    const context = encryptionContext(artifact);
    const material = await manager.getEncryptionMaterials({
      suite: algorithmSuite(),
      encryptionContext: context,
      commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
    });
    return {
      dataKey: Uint8Array.from(unwrapDataKey(material.getUnencryptedDataKey())),
      encryptedDataKeys: material.encryptedDataKeys.map((key) => ({ ...key })),
      encryptionContext: context,
    };
  };
}

/** What the uploading side writes, as one piece. */
export function writeMessage(plain: Buffer, materials: MessageMaterials): Buffer {
  const message = new EncryptedMessage(materials);
  const memory = new SharedArrayBuffer(plain.length);
  plain.copy(Buffer.from(memory));
  const part = Buffer.alloc(plain.length + 16 * 1024);
  const whole = plain.length - (plain.length % FRAME_BYTES);
  const order = { kind: 'encrypt', message: 0, into: 0, crc32: 0 } as const;
  const slice = sliceBuffer();
  let written = 0;
  if (whole > 0) {
    const frames = { ...order, from: { memory }, bytes: whole, last: false };
    written += message.encrypt(frames, part, slice).bytes;
  }
  const rest = new SharedArrayBuffer(plain.length - whole);
  plain.copy(Buffer.from(rest), 0, whole);
  const end = { ...order, from: { memory: rest }, bytes: rest.byteLength, last: true };
  written += message.encrypt(end, part.subarray(written), slice).bytes;
  return part.subarray(0, written);
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
  // Copies: who hands on a piece may take it away afterwards.
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
