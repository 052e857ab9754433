import { Worker } from 'node:worker_threads';
import { HoldfastError } from '../../../../contract/errors.ts';
import type { CheckedBase, CheckOrder, CheckReply } from './check-orders.ts';

/** Beside this module: as it is, and as it is bundled. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './base-check-thread.ts' : './base-check-thread.mjs',
  import.meta.url,
);

/** A tar that is read along while it grows. */
export interface CheckedTar {
  /** Reads on by so many bytes, which are there. @throws HoldfastError DUMP_INCOMPLETE */
  take(bytes: number): Promise<void>;
  /** @throws HoldfastError DUMP_INCOMPLETE unless the archive is whole to its end. */
  end(): Promise<void>;
}

/** The thread that proves one base backup whole. */
export class BaseCheck {
  readonly #thread = new Worker(THREAD, {
    execArgv: [],
    env: {},
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
  readonly #waiting: {
    resolve(checked: CheckedBase | undefined): void;
    reject(reason: unknown): void;
  }[] = [];
  #ended: unknown;

  constructor() {
    this.#thread.on('message', (reply: CheckReply) => {
      const waiting = this.#waiting.shift();
      this.#keepAlive();
      if ('failure' in reply) {
        const { code, message, hint } = reply.failure;
        waiting?.reject(new HoldfastError(code, message, { hint }));
      } else waiting?.resolve(reply.checked);
    });
    this.#thread.on('error', (error) => this.#end(error));
    this.#thread.on('exit', () => this.#end(new Error('The thread that checks has ended.')));
    this.#keepAlive();
  }

  /** Begins with a tar, which is there, be it empty. */
  async open(tar: Omit<Extract<CheckOrder, { kind: 'open' }>, 'kind'>): Promise<CheckedTar> {
    const { name } = tar;
    await this.#ask({ kind: 'open', ...tar });
    return {
      take: async (bytes) => void (await this.#ask({ kind: 'take', name, bytes })),
      end: async () => void (await this.#ask({ kind: 'end', name })),
    };
  }

  /**
   * Compares what was in all tars with what PostgreSQL says that it sent.
   *
   * @param path of the `backup_manifest`.
   * @throws HoldfastError DUMP_INCOMPLETE
   */
  async conclude(path: string): Promise<CheckedBase> {
    const checked = await this.#ask({ kind: 'conclude', path });
    if (checked === undefined) throw new Error('The check came to no conclusion.');
    return checked;
  }

  /** Ends the thread, whatever it does. */
  async stop(): Promise<void> {
    await this.#thread.terminate();
  }

  #ask(order: CheckOrder): Promise<CheckedBase | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#keepAlive();
      this.#thread.postMessage(order);
    });
  }

  #end(reason: unknown): void {
    this.#ended ??= reason;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }

  /** The process lives on for an answer, and not for a thread that has nothing to do. */
  #keepAlive(): void {
    if (this.#waiting.length > 0) this.#thread.ref();
    else this.#thread.unref();
  }
}
