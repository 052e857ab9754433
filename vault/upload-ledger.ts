import type { HoldfastError } from '../contract/errors.ts';

/** A multipart upload that can be ended without a trace. */
export interface OpenUpload {
  readonly uploadId: string;
  abort(reason: unknown): Promise<HoldfastError | undefined>;
}

/** Every multipart upload of a run that is neither completed nor aborted. */
export class UploadLedger {
  readonly #open = new Map<string, OpenUpload>();

  add(upload: OpenUpload): void {
    this.#open.set(upload.uploadId, upload);
  }

  completed(uploadId: string): void {
    this.#open.delete(uploadId);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Aborts all that is open. Never throws; returns what could not be aborted. */
  async abortAll(reason: unknown): Promise<HoldfastError[]> {
    const results = await Promise.all(
      [...this.#open.values()].map((upload) => upload.abort(reason)),
    );
    this.#open.clear();
    return results.filter((failure) => failure !== undefined);
  }
}
