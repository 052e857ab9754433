import { HoldfastError } from '../../../contract/errors.ts';
import { AnsweringThread } from '../../../vault/answering-thread.ts';
import type { UnpackOrder, UnpackPlace, UnpackReply } from './unpack-orders.ts';

/** Beside this module: as it is, and as it is bundled. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './unpack-thread.ts' : './unpack-thread.mjs',
  import.meta.url,
);
/** Pieces, of a frame each, that the thread has not done with: it must not wait while a frame is decrypted. */
const AHEAD = 5;

/**
 * Unpacks one of a base backup's tars, compressed or not, in a thread of its own.
 *
 * @param bytes each piece of which is ours: its memory goes to the thread.
 * @param directory made where it is missing.
 * @param leftOut files of it that are not written.
 * @returns number of files
 * @throws HoldfastError VAULT_INTEGRITY when it is cut off, or holds anything but files and directories of
 * that directory; RESTORE_REFUSED when it is compressed with lz4; what `bytes` throws
 */
export async function unpack(
  bytes: AsyncIterable<Buffer>,
  directory: string,
  leftOut: readonly string[] = [],
): Promise<number> {
  const thread = new AnsweringThread<UnpackOrder, UnpackReply, number>({
    ...{ module: THREAD, what: 'that unpacks', read: filesOf },
    workerData: { directory, leftOut } satisfies UnpackPlace,
  });
  try {
    const underWay: Promise<number>[] = [];
    for await (const piece of bytes) {
      const order = { kind: 'take', bytes: movable(piece) } as const;
      const taken = thread.ask(order, [order.bytes.buffer]);
      // Awaited only later; a rejection that nobody awaits yet would end the process.
      taken.catch(() => {});
      underWay.push(taken);
      if (underWay.length >= AHEAD) await underWay.shift();
    }
    await Promise.all(underWay);
    return await thread.ask({ kind: 'end' });
  } finally {
    await thread.stop();
  }
}

/** Bytes whose memory holds nothing else, so that it can be given away. */
function movable(piece: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = piece;
  const alone = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return alone ? new Uint8Array(buffer, byteOffset, byteLength) : Uint8Array.from(piece);
}

function filesOf(reply: UnpackReply): number {
  if (!('failure' in reply)) return reply.files;
  const { code, message, hint } = reply.failure;
  throw new HoldfastError(code, message, { hint });
}
