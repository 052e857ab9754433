import { type Duplex, pipeline, Readable, Transform } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { buildDecrypt, CommitmentPolicy, type MessageHeader } from '@aws-crypto/client-node';
import { type ArtifactContext, encryptionContext } from '../contract/encryption-context.ts';
import { HoldfastError } from '../contract/errors.ts';
import { awsError } from './aws-errors.ts';
import type { OpenDataKeys } from './decryption-keyring.ts';
import { createDigestCheck, type Digest } from './verify-digest.ts';

/** The cluster's key, and a second wrapping of each data key beside it; more is a forgery. */
const MAX_DATA_KEYS = 4;

const client = buildDecrypt({
  commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
  maxEncryptedDataKeys: MAX_DATA_KEYS,
});

export interface DecryptRequest {
  /** What the message must be bound to, exactly. */
  readonly context: ArtifactContext;
  readonly cipher: Digest;
  readonly plain: Digest;
  /** Named in errors: the object's key. */
  readonly where: string;
  readonly dataKeys: OpenDataKeys;
}

/**
 * Turns one message into its plain text, frame by frame, each authenticated before it is handed on.
 * Whether nothing is missing is known only at the end: a consumer must not act before.
 *
 * @throws HoldfastError VAULT_INTEGRITY when it is not the message that was written or was written
 * for something else, VAULT_DENIED or VAULT_UNAVAILABLE when KMS does not open its data key
 */
export async function* decryptMessage(
  cipherText: AsyncIterable<Buffer>,
  { context, cipher, plain, where, dataKeys }: DecryptRequest,
): AsyncGenerator<Buffer> {
  const opener = dataKeys();
  const decryptor = client.decryptUnsignedMessageStream(opener.keyring) as unknown as Duplex;
  const bound = createContextCheck(decryptor, encryptionContext(context), where);
  const plainText = createDigestCheck(plain, `plain text of ${where}`);
  const finished = new Promise<unknown>((resolve) => {
    // The callback gets the first failure; later ones are only its echoes along the pipeline.
    pipeline(
      Readable.from(cipherText, { objectMode: false }),
      createDigestCheck(cipher, `cipher text of ${where}`),
      decryptor,
      bound,
      plainText,
      resolve,
    );
  });
  try {
    for await (const chunk of plainText) yield chunk as Buffer;
  } catch (error) {
    const first = (await finished) ?? error;
    throw failureOf(first, opener.failure(), opener.key, where);
  } finally {
    plainText.destroy();
  }
}

/** Lets plain text pass only after the header was authenticated and found to be the expected one. */
function createContextCheck(
  decryptor: Duplex,
  expected: Record<string, string>,
  where: string,
): Transform {
  let found: Record<string, string> | undefined;
  decryptor.once('MessageHeader', (header: MessageHeader) => {
    found = { ...header.encryptionContext };
  });
  function problem(): HoldfastError | null {
    if (found !== undefined && isDeepStrictEqual(found, expected)) return null;
    return new HoldfastError(
      'VAULT_INTEGRITY',
      `${where} holds a message that was written for ${JSON.stringify(found)}, not for ${JSON.stringify(expected)}.`,
      {
        hint: 'Somebody put another object in its place: use another backup, and look at CloudTrail.',
      },
    );
  }
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const error = problem();
      if (error === null) done(null, chunk);
      else done(error);
    },
    // An empty artifact never comes through `transform`.
    flush: (done) => done(problem()),
  });
}

function failureOf(thrown: unknown, refused: unknown, key: string, where: string): unknown {
  if (thrown instanceof HoldfastError) return thrown;
  if (refused !== undefined) {
    const error = awsError(refused, 'kms:Decrypt', key);
    // KMS answers a data key or context that it did not wrap like this: the object is at fault.
    if ((refused as { name?: string }).name !== 'InvalidCiphertextException') return error;
  }
  if ((thrown as { name?: string }).name === 'AbortError') return thrown;
  const found = thrown instanceof Error ? thrown.message.split('\n')[0] : String(thrown);
  return new HoldfastError('VAULT_INTEGRITY', `${where} cannot be decrypted: ${found}`, {
    hint: "The object, or its data key, is not what was written with this cluster's key: use another backup.",
    cause: thrown,
  });
}
