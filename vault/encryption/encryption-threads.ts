import { AnsweringThread } from '../answering-thread.ts';
import type {
  EncryptionOrder,
  EncryptionReply,
  MessageDigests,
  PlainText,
} from './encryption-order.ts';
import type { MessageMaterials } from './message-writer.ts';

/** Beside this module: as it is, and as it is bundled. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './encryption-thread.ts' : './encryption-thread.mjs',
  import.meta.url,
);

/** Where cipher text goes: a place in the parts' memory, and what lies before it in the same part. */
export interface Destination {
  /** Offset in the parts' memory, bytes. */
  readonly into: number;
  readonly crc32: number;
}

export interface Encrypted {
  readonly bytes: number;
  readonly crc32: number;
}

/** One message, in the thread that encrypts it. Its calls are made one after the other. */
export interface ThreadMessage {
  /** @param bytes whole frames. */
  encrypt(from: PlainText, bytes: number, to: Destination): Promise<Encrypted>;
  /** Encrypts the last frame, of any length. The message ends with it. */
  finish(
    from: PlainText,
    bytes: number,
    to: Destination,
  ): Promise<Encrypted & { readonly digests: MessageDigests }>;
  /** Ends the message without finishing it. */
  drop(): void;
}

/** The threads that encrypt one run's artifacts, each artifact in one of them. */
export class EncryptionThreads {
  readonly #threads: EncryptionThread[];
  #messages = 0;

  /**
   * @param memory of the parts, that cipher text is written to.
   * @param count of threads. One keeps up with a dump by two cores.
   */
  constructor(memory: SharedArrayBuffer, count: number) {
    const options = { module: THREAD, what: 'that encrypts', workerData: memory, read: done };
    this.#threads = Array.from({ length: count }, () => new AnsweringThread(options));
  }

  begin(materials: MessageMaterials): ThreadMessage {
    const message = this.#messages;
    this.#messages += 1;
    const thread = this.#threads[message % this.#threads.length];
    if (thread === undefined) throw new Error('There is no thread to encrypt in.');
    thread.post({ kind: 'begin', message, materials });
    // The thread has a copy of its own, and overwrites it in the end.
    materials.dataKey.fill(0);
    return {
      encrypt: (from, bytes, to) =>
        thread.ask({ kind: 'encrypt', message, from, bytes, last: false, ...to }),
      finish: async (from, bytes, to) => {
        const done = await thread.ask({ kind: 'encrypt', message, from, bytes, last: true, ...to });
        if (done.digests === undefined) throw new Error('The last frame came without digests.');
        return { ...done, digests: done.digests };
      },
      drop: () => thread.post({ kind: 'drop', message }),
    };
  }

  /** Ends the threads, whatever they do. */
  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

type Done = Exclude<EncryptionReply, { failure: string }>;

type EncryptionThread = AnsweringThread<EncryptionOrder, EncryptionReply, Done>;

function done(reply: EncryptionReply): Done {
  if ('failure' in reply) throw new Error(`Encryption failed: ${reply.failure}`);
  return reply;
}
