import type { HoldfastError } from '../contract/errors.ts';

/** A multipart upload that can be ended without a trace. */
export interface OpenUpload {
  readonly uploadId: string;
  abort(reason: unknown): Promise<HoldfastError | undefined>;
}

/** Every multipart upload of a run that is neither completed nor aborted. */
export class UploadLedger {
  readonly #open = new Map<string, OpenUpload>();
  readonly #opening = new Set<Promise<OpenUpload>>();
  #aborted: { readonly reason: unknown } | undefined;

  /**
   * Opens an upload and enters it. One that is being opened while all are aborted is waited for, and
   * none is opened afterwards: else it would stay behind, and nobody would know of it.
   *
   * @throws the reason of `abortAll` once that has been called.
   */
  async open<Upload extends OpenUpload>(start: () => Promise<Upload>): Promise<Upload> {
    if (this.#aborted !== undefined) throw this.#aborted.reason;
    const opening = start();
    this.#opening.add(opening);
    try {
      const upload = await opening;
      this.#open.set(upload.uploadId, upload);
      return upload;
    } finally {
      this.#opening.delete(opening);
    }
  }

  completed(uploadId: string): void {
    this.#open.delete(uploadId);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Aborts all that is open, for good. Never throws; returns what could not be aborted. */
  async abortAll(reason: unknown): Promise<HoldfastError[]> {
    this.#aborted ??= { reason };
    const late = await Promise.allSettled(this.#opening);
    for (const opened of late) {
      if (opened.status === 'fulfilled') this.#open.set(opened.value.uploadId, opened.value);
    }
    const results = await Promise.all(
      [...this.#open.values()].map((upload) => upload.abort(reason)),
    );
    this.#open.clear();
    return results.filter((failure) => failure !== undefined);
  }
}
