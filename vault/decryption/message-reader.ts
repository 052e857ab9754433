import {
  type GetDecipher,
  getDecryptionHelper,
  type KeyringNode,
  NodeAlgorithmSuite,
  NodeDefaultCryptographicMaterialsManager,
} from '@aws-crypto/material-management-node';
import {
  aadFactory,
  type BodyHeader,
  ContentType,
  decodeBodyHeader,
  deserializeFactory,
  type HeaderInfo,
} from '@aws-crypto/serialize';
import { ALGORITHM_SUITE } from '../encryption/algorithm-suite.ts';
import type { ByteReader } from './byte-reader.ts';

/** The cluster's key, and a second wrapping of each data key beside it; more is a forgery. */
const MAX_DATA_KEYS = 4;
/** Ours take less than one KiB; nobody's has to be collected for ever. Bytes. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Ours are of one MiB. A frame is held whole until its tag has been checked. Bytes. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Sequence number and IV, and of the last frame its marker and length. Bytes. */
const FRAME_HEAD_BYTES = 4 + 12;
const LAST_FRAME_MORE_BYTES = 4 + 4;

const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const { deserializeMessageHeader } = deserializeFactory(utf8, NodeAlgorithmSuite);
const { messageAAD, messageAADContentString } = aadFactory((text) => Buffer.from(text, 'utf8'));

/**
 * Reads one message of the AWS Encryption SDK out of the SDK's own parts: its parsing, key derivation
 * and commitment, and authenticated data. The SDK's stream does the same; this takes a third of its
 * time, because frames are neither cut up nor joined on their way.
 *
 * @see https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html
 */
export class MessageReader {
  /** Authenticated. */
  readonly encryptionContext: Readonly<Record<string, string>>;
  readonly #from: ByteReader;
  readonly #header: HeaderInfo;
  readonly #getDecipher: GetDecipher;
  readonly #dispose: () => void;

  private constructor(
    from: ByteReader,
    header: HeaderInfo,
    getDecipher: GetDecipher,
    dispose: () => void,
  ) {
    this.#from = from;
    this.#header = header;
    this.#getDecipher = getDecipher;
    this.#dispose = dispose;
    this.encryptionContext = header.messageHeader.encryptionContext;
  }

  /**
   * Reads the header and opens the data key.
   *
   * @throws Error what is wrong with it, or what the keyring throws.
   */
  static async open(from: ByteReader, keyring: KeyringNode): Promise<MessageReader> {
    const header = await readHeader(from);
    const { messageHeader, algorithmSuite, rawHeader, headerAuth } = header;
    if (algorithmSuite.id !== ALGORITHM_SUITE) {
      throw new Error(`it is encrypted with another algorithm suite, ${algorithmSuite.id}`);
    }
    if (messageHeader.contentType !== ContentType.FRAMED_DATA || !('suiteData' in messageHeader)) {
      throw new Error('it is not framed');
    }
    const { frameLength, messageId, encryptionContext, encryptedDataKeys, suiteData } =
      messageHeader;
    if (frameLength < 1 || frameLength > MAX_FRAME_BYTES) {
      throw new Error(`its frames are of ${frameLength} bytes`);
    }
    const material = await new NodeDefaultCryptographicMaterialsManager(keyring).decryptMaterials({
      suite: new NodeAlgorithmSuite(ALGORITHM_SUITE),
      encryptionContext,
      encryptedDataKeys: [...encryptedDataKeys],
    });
    const { getDecipherInfo, dispose } = getDecryptionHelper(material);
    const getDecipher = getDecipherInfo(messageId, suiteData);
    const decipher = getDecipher(headerAuth.headerIv);
    decipher.setAAD(asBuffer(rawHeader));
    decipher.setAuthTag(asBuffer(headerAuth.headerAuthTag));
    decipher.update(Buffer.alloc(0));
    decipher.final();
    return new MessageReader(from, header, getDecipher, dispose);
  }

  /**
   * The plain text, a frame at a time, each authenticated before it is handed on.
   *
   * @throws Error when a frame is not the next one that was written, or anything follows the last.
   */
  async *frames(): AsyncGenerator<Buffer> {
    const { frameLength } = this.#header.messageHeader;
    const cipherText = Buffer.allocUnsafeSlow(frameLength);
    const tag = Buffer.alloc(16);
    try {
      for (let number = 1; ; number += 1) {
        const head = await this.#readFrameHead();
        if (head.sequenceNumber !== number) throw new Error('its frames are out of order');
        const cipher = cipherText.subarray(0, head.contentLength);
        await this.#from.fill(cipher);
        await this.#from.fill(tag);
        yield this.#decrypt(head, cipher, tag);
        if (head.isFinalFrame) break;
      }
    } finally {
      this.#dispose();
    }
    if ((await this.#from.some()) !== undefined) throw new Error('something follows its end');
  }

  /** Forgets the data key. */
  close(): void {
    this.#dispose();
  }

  async #readFrameHead(): Promise<BodyHeader> {
    const bytes = Buffer.alloc(FRAME_HEAD_BYTES);
    await this.#from.fill(bytes);
    const head = decodeBodyHeader(bytes, this.#header, 0);
    if (head !== false) return head;
    const more = Buffer.alloc(LAST_FRAME_MORE_BYTES);
    await this.#from.fill(more);
    const last = decodeBodyHeader(Buffer.concat([bytes, more]), this.#header, 0);
    if (last === false) throw new Error('a frame of it cannot be read');
    return last;
  }

  #decrypt(head: BodyHeader, cipherText: Buffer, tag: Buffer): Buffer {
    const { messageId } = this.#header.messageHeader;
    const { contentType, isFinalFrame, sequenceNumber, contentLength } = head;
    const content = messageAADContentString({ contentType, isFinalFrame });
    const decipher = this.#getDecipher(head.iv);
    decipher.setAAD(asBuffer(messageAAD(messageId, content, sequenceNumber, contentLength)));
    decipher.setAuthTag(tag);
    const plainText = decipher.update(cipherText);
    decipher.final();
    return plainText;
  }
}

async function readHeader(from: ByteReader): Promise<HeaderInfo> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const piece = await from.some();
    if (piece === undefined) throw new Error('its header is cut off');
    from.take();
    // A copy, even of the first: what the header says is looked at until the last frame, and a piece is
    // gone by then.
    bytes = Buffer.concat([bytes, piece]);
    const header = deserializeMessageHeader(bytes, { maxEncryptedDataKeys: MAX_DATA_KEYS });
    if (header !== false) {
      from.putBack(bytes.subarray(header.rawHeader.length + header.headerAuth.headerAuthLength));
      return header;
    }
    if (bytes.length > MAX_HEADER_BYTES) throw new Error('its header is too long');
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
