/**
 * A thread that encrypts. It is a thread of its own for two reasons: uploading and encrypting run on
 * two cores, and what encryption leaves to the garbage collector lies in a heap that holds little else.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { EncryptedMessage, sliceBuffer } from './encrypted-message.ts';
import type { EncryptionOrder, EncryptionReply, EncryptOrder } from './encryption-order.ts';

const parts = Buffer.from(workerData as SharedArrayBuffer);
const slice = sliceBuffer();
const messages = new Map<number, EncryptedMessage>();
/** Why a message could not begin, told when it is first written to. */
const failures = new Map<number, string>();

function reply(to: EncryptionReply): void {
  parentPort?.postMessage(to);
}

function encrypt(order: EncryptOrder): EncryptionReply {
  const message = messages.get(order.message);
  if (message === undefined) {
    return { failure: failures.get(order.message) ?? 'the message has ended or never began' };
  }
  const done = message.encrypt(order, parts.subarray(order.into), slice);
  if (!order.last) return done;
  messages.delete(order.message);
  return { ...done, digests: message.digests() };
}

parentPort?.on('message', (order: EncryptionOrder) => {
  try {
    if (order.kind === 'begin') {
      messages.set(order.message, new EncryptedMessage(order.materials));
    } else if (order.kind === 'drop') {
      messages.delete(order.message);
      failures.delete(order.message);
    } else reply(encrypt(order));
  } catch (error) {
    const failure = (error as Error).message;
    messages.delete(order.message);
    if (order.kind === 'encrypt') reply({ failure });
    else failures.set(order.message, failure);
  }
});
