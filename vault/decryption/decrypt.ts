import { isDeepStrictEqual } from 'node:util';
import { type ArtifactContext, encryptionContext } from '../../contract/encryption-context.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { awsError } from '../aws-errors.ts';
import { WatchedSource } from '../watched-source.ts';
import { ByteReader } from './byte-reader.ts';
import type { DataKeyOpener, OpenDataKeys } from './decryption-keyring.ts';
import { MessageReader } from './message-reader.ts';
import { type Digest, LengthCheck, PlainTextCheck } from './verify-digest.ts';

export interface DecryptRequest {
  /** What the message must be bound to, exactly. */
  readonly context: ArtifactContext;
  readonly cipher: Pick<Digest, 'bytes'>;
  /** `undefined`: the caller compares what comes out with what was promised. */
  readonly plain: Digest | undefined;
  /** Named in errors: the object's key. */
  readonly where: string;
  readonly dataKeys: OpenDataKeys;
}

/**
 * Turns one message into its plain text, frame by frame, each authenticated before it is handed on.
 * Whether nothing is missing is known only at the end: a consumer must not act before.
 *
 * The cipher text is counted and not hashed: its authentication says more, and says it earlier.
 *
 * @throws HoldfastError VAULT_INTEGRITY when it is not the message that was written or was written
 * for something else, VAULT_DENIED or VAULT_UNAVAILABLE when KMS does not open its data key
 */
export async function* decryptMessage(
  cipherText: AsyncIterable<Buffer>,
  { context, cipher, plain, where, dataKeys }: DecryptRequest,
): AsyncGenerator<Buffer> {
  const source = new WatchedSource(cipherText);
  const from = new ByteReader(new LengthCheck(source, cipher, `cipher text of ${where}`));
  const check = plain && new PlainTextCheck(plain, `plain text of ${where}`);
  const opener = dataKeys();
  try {
    const message = await MessageReader.open(from, opener.keyring);
    assertWrittenFor(context, message, where);
    for await (const frame of message.frames()) {
      check?.update(frame);
      if (frame.length > 0) yield frame;
    }
    check?.end();
  } catch (error) {
    if (source.failure !== undefined) throw error;
    throw failureOf(error, opener, where);
  } finally {
    await from.close();
  }
}

function assertWrittenFor(context: ArtifactContext, message: MessageReader, where: string): void {
  const [found, expected] = [{ ...message.encryptionContext }, encryptionContext(context)];
  if (isDeepStrictEqual(found, expected)) return;
  message.close();
  throw new HoldfastError(
    'VAULT_INTEGRITY',
    `${where} holds a message that was written for ${JSON.stringify(found)}, not for ${JSON.stringify(expected)}.`,
    {
      hint: 'Somebody put another object in its place: use another backup, and look at CloudTrail.',
    },
  );
}

function failureOf(thrown: unknown, { failure, key }: DataKeyOpener, where: string): unknown {
  if (thrown instanceof HoldfastError) return thrown;
  const refused = failure();
  if (refused !== undefined) {
    const error = awsError(refused, 'kms:Decrypt', key);
    // KMS answers a data key or context that it did not wrap like this: the object is at fault.
    if ((refused as { name?: string }).name !== 'InvalidCiphertextException') return error;
  }
  const found = thrown instanceof Error ? thrown.message.split('\n')[0] : String(thrown);
  return new HoldfastError('VAULT_INTEGRITY', `${where} cannot be decrypted: ${found}`, {
    hint: "The object, or its data key, is not what was written with this cluster's key: use another backup.",
    cause: thrown,
  });
}
