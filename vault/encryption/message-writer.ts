import { randomBytes } from 'node:crypto';
import {
  type AwsEsdkJsCipherGCM,
  EncryptedDataKey,
  type GetCipher,
  getEncryptHelper,
  KeyringTraceFlag,
  NodeEncryptionMaterial,
} from '@aws-crypto/material-management-node';
import {
  aadFactory,
  ContentType,
  type MessageHeader,
  MessageIdLength,
  serializeFactory,
  serializeMessageHeaderAuth,
} from '@aws-crypto/serialize';
import { algorithmSuite } from './algorithm-suite.ts';
import { FRAME_BYTES } from './message-format.ts';

/** One message's keys and context, in a shape that can be posted to a thread. */
export interface MessageMaterials {
  readonly dataKey: Uint8Array;
  readonly encryptedDataKeys: readonly {
    readonly providerId: string;
    readonly providerInfo: string;
    readonly encryptedDataKey: Uint8Array;
    readonly rawInfo?: Uint8Array;
  }[];
  readonly encryptionContext: Readonly<Record<string, string>>;
}

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');
const serialize = serializeFactory(utf8, { utf8Sorting: true });
const { messageAAD, messageAADContentString } = aadFactory(utf8);

/**
 * Composes one message of the AWS Encryption SDK, frame by frame, out of the SDK's own parts: its key
 * derivation and commitment, headers, IVs and authenticated data. The SDK's stream does the same, but
 * holds each frame whole, in memory of its own, which a backup of many gigabytes pays for in garbage
 * collection; here a frame is encrypted in slices, wherever they lie.
 *
 * @see https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html
 */
export class MessageWriter {
  /** What the message begins with. */
  readonly header: Buffer;
  readonly #messageId: Buffer;
  readonly #getCipher: GetCipher;
  readonly #dispose: () => void;
  #sequenceNumber = 0;

  /** @param materials whose data key is overwritten when the message ends. */
  constructor(materials: MessageMaterials) {
    const material = encryptionMaterial(materials);
    const { suite, encryptedDataKeys, encryptionContext } = material;
    const { getCipherInfo, dispose } = getEncryptHelper(material);
    this.#messageId = randomBytes(MessageIdLength.V2);
    const { getCipher, keyCommitment } = getCipherInfo(this.#messageId);
    this.#getCipher = getCipher;
    this.#dispose = dispose;
    const messageHeader = serialize.buildMessageHeader({
      suite,
      encryptedDataKeys,
      encryptionContext,
      messageId: this.#messageId,
      frameLength: FRAME_BYTES,
      suiteData: keyCommitment,
    });
    this.header = this.#authenticated(messageHeader);
  }

  /**
   * Begins a frame: `header` goes out first, then what `cipher` makes of exactly `bytes` of plain text,
   * then the cipher's tag.
   *
   * @param bytes of plain text: `FRAME_BYTES`, and in the last frame 0 to `FRAME_BYTES`.
   */
  beginFrame(bytes: number, last: boolean): { header: Buffer; cipher: AwsEsdkJsCipherGCM } {
    this.#sequenceNumber += 1;
    const iv = serialize.frameIv(IV_BYTES, this.#sequenceNumber);
    const header = last
      ? serialize.finalFrameHeader(this.#sequenceNumber, iv, bytes)
      : serialize.frameHeader(this.#sequenceNumber, iv);
    const contentString = messageAADContentString({
      contentType: ContentType.FRAMED_DATA,
      isFinalFrame: last,
    });
    const cipher = this.#getCipher(iv);
    cipher.setAAD(
      asBuffer(messageAAD(this.#messageId, contentString, this.#sequenceNumber, bytes)),
    );
    if (last) this.#dispose();
    return { header: asBuffer(header), cipher };
  }

  #authenticated(messageHeader: MessageHeader): Buffer {
    const bytes = asBuffer(serialize.serializeMessageHeader(messageHeader));
    const headerIv = serialize.headerAuthIv(IV_BYTES);
    const cipher = this.#getCipher(headerIv);
    cipher.setAAD(bytes);
    cipher.final();
    const headerAuthTag = cipher.getAuthTag();
    const auth = serializeMessageHeaderAuth({ headerIv, headerAuthTag, messageHeader });
    return Buffer.concat([bytes, auth]);
  }
}

const IV_BYTES = 12;

function encryptionMaterial(materials: MessageMaterials): NodeEncryptionMaterial {
  const { dataKey, encryptedDataKeys, encryptionContext } = materials;
  const material = new NodeEncryptionMaterial(algorithmSuite(), { ...encryptionContext });
  // Who made it does not go into the message.
  material.setUnencryptedDataKey(dataKey, {
    keyNamespace: 'holdfast',
    keyName: 'generated',
    flags: KeyringTraceFlag.WRAPPING_KEY_GENERATED_DATA_KEY,
  });
  for (const key of encryptedDataKeys) {
    material.addEncryptedDataKey(
      new EncryptedDataKey(key),
      KeyringTraceFlag.WRAPPING_KEY_ENCRYPTED_DATA_KEY,
    );
  }
  return material;
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
