import { type Transferable, Worker, type WorkerOptions } from 'node:worker_threads';

export interface AnsweringThreadOptions<Reply, Answer> {
  readonly module: URL;
  /** In the error of one that ended: `that encrypts`. */
  readonly what: string;
  readonly workerData?: WorkerOptions['workerData'];
  /** What a reply says. @throws what it tells of a failure */
  readonly read: (reply: Reply) => Answer;
}

/** A thread that answers what it is asked, in the order in which it was asked. */
export class AnsweringThread<Order, Reply, Answer> {
  readonly #worker: Worker;
  readonly #waiting: { resolve(answer: Answer): void; reject(reason: unknown): void }[] = [];
  #ended: unknown;

  constructor({ module, what, workerData, read }: AnsweringThreadOptions<Reply, Answer>) {
    this.#worker = new Worker(module, {
      workerData,
      execArgv: [],
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    this.#worker.on('message', (reply: Reply) => {
      const waiting = this.#waiting.shift();
      this.#keepAlive();
      try {
        waiting?.resolve(read(reply));
      } catch (error) {
        waiting?.reject(error);
      }
    });
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error(`The thread ${what} has ended.`)));
    this.#keepAlive();
  }

  /** Tells it something that it does not answer. */
  post(order: Order, moved: readonly Transferable[] = []): void {
    this.#worker.postMessage(order, moved);
  }

  /** @param moved of the order: memory that is the thread's from now on. */
  ask(order: Order, moved?: readonly Transferable[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#keepAlive();
      this.post(order, moved);
    });
  }

  /** Ends it, whatever it does. */
  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(reason: unknown): void {
    this.#ended ??= reason;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }

  /** The process lives on for an answer, and not for a thread that has nothing to do. */
  #keepAlive(): void {
    if (this.#waiting.length > 0) this.#worker.ref();
    else this.#worker.unref();
  }
}
