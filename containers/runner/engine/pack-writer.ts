import { createReadStream, readFileSync, unlinkSync } from 'node:fs';
import { pack as createPack, type Pack } from 'tar-stream';
import type { PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';

const READ_BYTES = 1024 * 1024;

export interface PackOptions {
  readonly directory: string;
  readonly upload: StreamUpload;
  /** Told of each packed file before it is removed: the last chance to look into it. */
  readonly onPacked: (name: string, path: string) => void | Promise<void>;
  /** Told of each packed file once it is gone. */
  readonly onRemoved: (name: string) => void;
}

/**
 * Writes closed files one after the other into a plain tar stream, and removes them. So ten thousand
 * small tables are one artifact, which `tar x` opens.
 */
export class PackWriter {
  readonly #options: PackOptions;
  readonly #pack: Pack = createPack();
  readonly #queue: { name: string; size: number }[] = [];
  readonly #uploaded: Promise<void>;
  #draining: Promise<void> | undefined;
  #failure: unknown;

  constructor(options: PackOptions) {
    this.#options = options;
    this.#uploaded = this.#upload();
    this.#uploaded.catch((error) => this.#fail(error));
  }

  /** Queues a closed file. */
  add(name: string, size: number): void {
    this.#queue.push({ name, size });
    this.#draining ??= this.#drain().catch((error) => this.#fail(error));
  }

  /** Packs what is queued, and as the last entry a file of ours; then ends the tar. */
  async finish(last: { readonly name: string; readonly content: Buffer }): Promise<PendingStream> {
    await this.#draining;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#entry(last.name, last.content.length, last.content, last.name);
    this.#pack.finalize();
    await this.#uploaded;
    return this.#options.upload.finish();
  }

  /** @throws whatever stopped the packing. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  abort(reason: unknown): void {
    this.#fail(reason);
  }

  async #upload(): Promise<void> {
    for await (const chunk of this.#pack as AsyncIterable<Buffer>) {
      await this.#options.upload.write(chunk);
    }
  }

  async #drain(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (this.#failure !== undefined) return;
      await this.#packFile(next.name, next.size);
    }
    this.#draining = undefined;
  }

  async #packFile(name: string, size: number): Promise<void> {
    const path = `${this.#options.directory}/${name}`;
    // Synchronous calls: with ten thousand small files the thread pool's hand-over is what costs.
    const content = size <= READ_BYTES ? readFileSync(path) : undefined;
    if (content !== undefined && content.length !== size) {
      throw new Error(`${path} changed after it was closed: ${size}, now ${content.length} bytes`);
    }
    await this.#entry(name, size, content, path);
    await this.#options.onPacked(name, path);
    unlinkSync(path);
    this.#options.onRemoved(name);
  }

  async #entry(
    name: string,
    size: number,
    content: Buffer | undefined,
    path: string,
  ): Promise<void> {
    const done = Promise.withResolvers<void>();
    // The callback comes once the entry is drained, which is what holds the queue back.
    const entry = this.#pack.entry({ name, size, mtime: new Date(0) }, (error) =>
      error ? done.reject(error) : done.resolve(),
    );
    // Told by the callback as well; an unheard 'error' would end the process.
    entry.on('error', () => {});
    if (content !== undefined) entry.end(content);
    else createReadStream(path, { highWaterMark: READ_BYTES }).on('error', done.reject).pipe(entry);
    await done.promise;
  }

  #fail(reason: unknown): void {
    this.#failure ??= reason ?? new Error('aborted');
    this.#pack.destroy(reason instanceof Error ? reason : undefined);
  }
}
