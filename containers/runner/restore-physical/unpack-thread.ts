/**
 * A thread that decompresses and unpacks one tar. It is a thread of its own because that takes as long as
 * fetching and decrypting does, which goes on meanwhile.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { asHoldfastError } from '../../../contract/errors.ts';
import type { UnpackOrder, UnpackPlace, UnpackReply } from './unpack-orders.ts';
import { TarUnpacker } from './unpack-tar.ts';

const tar = new TarUnpacker(workerData as UnpackPlace);
/** Nothing is done any more after it. */
let failure: UnpackReply | undefined;

async function carryOut(order: UnpackOrder): Promise<UnpackReply> {
  if (order.kind === 'end') return { files: await tar.end() };
  const { buffer, byteOffset, byteLength } = order.bytes;
  await tar.take(Buffer.from(buffer, byteOffset, byteLength));
  // It is nobody else's: waiting for the garbage collector would cost tens of megabytes.
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
  return { files: 0 };
}

async function answer(order: UnpackOrder): Promise<UnpackReply> {
  try {
    return failure ?? (await carryOut(order));
  } catch (error) {
    const { code, message, hint } = asHoldfastError(error);
    failure = { failure: { code, message, hint } };
    return failure;
  }
}

let last: Promise<void> = Promise.resolve();
parentPort?.on('message', (order: UnpackOrder) => {
  last = last.then(async () => parentPort?.postMessage(await answer(order)));
});
