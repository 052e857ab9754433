import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { EncryptOrder, MessageDigests, PlainText } from './encryption-order.ts';
import { FRAME_BYTES } from './message-format.ts';
import { type MessageMaterials, MessageWriter } from './message-writer.ts';

/** Plain text that is hashed, encrypted, hashed again and copied before the next: it stays in a core's cache. */
const SLICE_BYTES = 64 * 1024;

/** One message on its way: encrypts into parts, and hashes both sides as it goes. */
export class EncryptedMessage {
  readonly #writer: MessageWriter;
  readonly #plainHash = createHash('sha256');
  readonly #cipherHash = createHash('sha256');
  #begun = false;

  constructor(materials: MessageMaterials) {
    this.#writer = new MessageWriter(materials);
  }

  /** Encrypts what the order names into `part`, which begins where the order says. */
  encrypt(order: EncryptOrder, part: Buffer, slice: Buffer): { bytes: number; crc32: number } {
    const sink = new Sink(part, order.crc32, this.#cipherHash);
    if (!this.#begun) sink.put(this.#writer.header);
    this.#begun = true;
    let done = 0;
    do {
      const length = Math.min(FRAME_BYTES, order.bytes - done);
      const { header, cipher } = this.#writer.beginFrame(length, order.last);
      sink.put(header);
      for (let at = 0; at < length; at += SLICE_BYTES) {
        const wanted = Math.min(SLICE_BYTES, length - at);
        const plain = read(order.from, done + at, wanted, slice);
        this.#plainHash.update(plain);
        const encrypted = cipher.update(plain);
        sink.put(encrypted);
        giveBack(encrypted);
      }
      cipher.final();
      sink.put(cipher.getAuthTag());
      done += length;
    } while (done < order.bytes);
    return { bytes: sink.bytes, crc32: sink.crc32 };
  }

  /** To be asked once, after the last frame. */
  digests(): MessageDigests {
    return { plain: this.#plainHash.digest('hex'), cipher: this.#cipherHash.digest('hex') };
  }
}

/** Cipher text on its way into a part. */
class Sink {
  readonly #part: Buffer;
  readonly #hash: { update(bytes: Buffer): unknown };
  bytes = 0;
  crc32: number;

  constructor(part: Buffer, crc: number, hash: { update(bytes: Buffer): unknown }) {
    this.#part = part;
    this.crc32 = crc;
    this.#hash = hash;
  }

  put(bytes: Buffer): void {
    if (this.bytes + bytes.length > this.#part.length) throw new Error('The part is too small.');
    this.#hash.update(bytes);
    this.crc32 = crc32(bytes, this.crc32);
    bytes.copy(this.#part, this.bytes);
    this.bytes += bytes.length;
  }
}

/** Frees the memory at once: the garbage collector would come for it only when there are tens of megabytes. */
function giveBack({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** @param slice that is read into, where there is something to be read. */
function read(from: PlainText, at: number, bytes: number, slice: Buffer): Buffer {
  if ('memory' in from) return Buffer.from(from.memory, at, bytes);
  let read = 0;
  while (read < bytes) {
    const got = readSync(from.fd, slice, read, bytes - read, from.offset + at + read);
    if (got === 0)
      throw new Error(`a file is shorter than it was: ${from.offset + at + read} bytes`);
    read += got;
  }
  return slice.subarray(0, bytes);
}

/** Memory for `read`. */
export function sliceBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(SLICE_BYTES);
}
