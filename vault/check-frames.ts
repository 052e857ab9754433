import { Transform } from 'node:stream';

const MESSAGE_VERSION = 2;
/** AES-256-GCM, HKDF-SHA512, key commitment; with an ECDSA signature, and without. */
const ALGORITHM_SUITE_ID = 0x0478;
const FRAMED = 2;
const FINAL_FRAME = 0xffffffff;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const COMMITMENT_BYTES = 32;
/** Far above any header of ours (about 700 bytes); bounds what a forged one can make us hold. */
const MAX_HEADER_BYTES = 256 * 1024;

/**
 * One stage in front of the decryptor: passes a message on unchanged, but only as far as its framing
 * is sound. The SDK throws out of a `setImmediate` callback when it meets an impossible frame, where
 * no `catch` of ours reaches, and one flipped bit would end the process; so it never meets one. It
 * also ignores bytes behind the final frame, which are refused here.
 *
 * @see https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html
 */
export function createFrameCheck(): Transform {
  let head = Buffer.alloc(0);
  let frameBytes: number | undefined;
  let sequence = 0;
  let skip = 0;
  let last = false;

  function accept(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (skip > 0) {
        const step = Math.min(skip, chunk.length - at);
        skip -= step;
        at += step;
        continue;
      }
      if (last) throw new Error('there are bytes behind the final frame');
      // Headers of frames are 16 or 24 bytes: a byte at a time costs nothing beside a MiB of content.
      const wanted = frameBytes === undefined ? chunk.length - at : 1;
      head = Buffer.concat([head, chunk.subarray(at, at + wanted)]);
      at += wanted;
      if (frameBytes === undefined) {
        const header = readHeader(head);
        if (header === undefined) continue;
        frameBytes = header.frameBytes;
        at -= head.length - header.bytes;
        head = Buffer.alloc(0);
      } else {
        const frame = readFrame(head, frameBytes, sequence + 1);
        if (frame === undefined) continue;
        sequence += 1;
        skip = frame.contentBytes + TAG_BYTES;
        last = frame.final;
        head = Buffer.alloc(0);
      }
    }
  }

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        accept(chunk);
      } catch (error) {
        done(error as Error);
        return;
      }
      done(null, chunk);
    },
    flush(done) {
      done(last && skip === 0 ? null : new Error('it ends before its final frame does'));
    },
  });
}

/** `undefined` while it is not all there. */
function readHeader(buffer: Buffer): { bytes: number; frameBytes: number } | undefined {
  let at = 0;
  function take(bytes: number): number {
    at += bytes;
    return at - bytes;
  }
  function number(bytes: 1 | 2 | 4): number {
    const from = take(bytes);
    if (at > buffer.length) throw new RangeError('more is needed');
    return buffer.readUIntBE(from, bytes);
  }
  try {
    const version = number(1);
    if (version !== MESSAGE_VERSION) throw new Error(`its format version is ${version}, not 2`);
    const suite = number(2);
    if (suite !== ALGORITHM_SUITE_ID) {
      throw new Error(`its algorithm suite is 0x${suite.toString(16).padStart(4, '0')}`);
    }
    take(32);
    take(number(2));
    for (let keys = number(2); keys > 0; keys -= 1) {
      for (const _field of ['provider', 'provider info', 'data key']) take(number(2));
    }
    if (number(1) !== FRAMED) throw new Error('it is not framed');
    const frameBytes = number(4);
    if (frameBytes === 0) throw new Error('its frame length is 0');
    take(COMMITMENT_BYTES + TAG_BYTES);
    if (at <= buffer.length) return { bytes: at, frameBytes };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  if (buffer.length > MAX_HEADER_BYTES) throw new Error('its header has no end');
  return undefined;
}

function readFrame(
  buffer: Buffer,
  frameBytes: number,
  expected: number,
): { contentBytes: number; final: boolean } | undefined {
  if (buffer.length < 4) return undefined;
  const final = buffer.readUInt32BE(0) === FINAL_FRAME;
  if (buffer.length < (final ? 4 + 4 + IV_BYTES + 4 : 4 + IV_BYTES)) return undefined;
  const sequence = buffer.readUInt32BE(final ? 4 : 0);
  if (sequence !== expected) throw new Error(`frame ${sequence} stands where ${expected} belongs`);
  const contentBytes = final ? buffer.readUInt32BE(8 + IV_BYTES) : frameBytes;
  if (contentBytes > frameBytes) throw new Error(`its final frame claims ${contentBytes} bytes`);
  return { contentBytes, final };
}
