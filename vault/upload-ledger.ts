import type { HoldfastError } from '../contract/errors.ts';

/** A multipart upload that can be ended without a trace. */
export interface OpenUpload {
  readonly uploadId: string;
  abort(reason: unknown): Promise<HoldfastError | undefined>;
}

/** Every multipart upload of a run that is neither completed nor aborted. */
export class UploadLedger {
  readonly #open = new Map<string, OpenUpload>();
  readonly #opening = new Set<Promise<unknown>>();
  readonly #doubtful = new Set<string>();
  readonly #parts: UploadLedger[] = [];

  /** A part of it, which can be aborted by itself; whoever aborts all aborts it, too. */
  part(): UploadLedger {
    const part = new UploadLedger();
    this.#parts.push(part);
    return part;
  }

  /** Takes note of an upload that is being opened: whoever aborts waits to know how that ended. */
  async add<T extends OpenUpload>(opening: Promise<T>): Promise<T> {
    this.#opening.add(opening);
    try {
      const upload = await opening;
      this.#open.set(upload.uploadId, upload);
      return upload;
    } finally {
      this.#opening.delete(opening);
    }
  }

  /**
   * Takes note of a key under which S3 may hold an upload that nobody here knows: the answer to its
   * opening was lost.
   */
  doubt(key: string): void {
    this.#doubtful.add(key);
  }

  /** Keys under which there may be more than is known. */
  get doubtful(): ReadonlySet<string> {
    return new Set([...this.#doubtful, ...this.#parts.flatMap((part) => [...part.doubtful])]);
  }

  completed(uploadId: string): void {
    this.#open.delete(uploadId);
    for (const part of this.#parts) part.completed(uploadId);
  }

  get size(): number {
    return this.#parts.reduce((size, part) => size + part.size, this.#open.size);
  }

  /** Aborts all that is open. Never throws; returns what could not be aborted. */
  async abortAll(reason: unknown): Promise<HoldfastError[]> {
    const failures: HoldfastError[] = [];
    // A writer that was waiting for room may open one more upload before it sees that it is over.
    while (this.#open.size + this.#opening.size > 0) {
      await Promise.allSettled(this.#opening);
      const open = [...this.#open.values()];
      this.#open.clear();
      const results = await Promise.all(open.map((upload) => upload.abort(reason)));
      failures.push(...results.filter((failure) => failure !== undefined));
    }
    // At once: there is one for each database, and a task that is told to stop has seconds.
    const ofParts = await Promise.all(this.#parts.map((part) => part.abortAll(reason)));
    return [...failures, ...ofParts.flat()];
  }
}
