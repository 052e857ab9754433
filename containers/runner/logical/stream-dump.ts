import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { RateLimit } from '../engine/rate-limit.ts';
import type { Child, ChildExit } from '../process/child.ts';
import { createCompressor } from './stream-compression.ts';

/** Watches a dump go by, and judges in the end whether it was whole. */
export interface CompletenessProof {
  /** @throws HoldfastError DUMP_INCOMPLETE as soon as it is known to be broken */
  take(chunk: Buffer): Promise<void>;
  /**
   * Called after the dump's last byte, once the program has exited 0.
   *
   * @throws HoldfastError DUMP_INCOMPLETE
   */
  conclude(): Promise<void>;
}

export interface StreamDumpOptions {
  readonly child: Child;
  readonly upload: StreamUpload;
  readonly proofs: readonly CompletenessProof[];
  /** Compression of ours, behind the proofs: `none` where the program compresses by itself. */
  readonly compression: string;
  readonly signal: AbortSignal;
  /** What the upload may take in a second, bytes. @default no limit */
  readonly maxBytesPerSecond?: number | undefined;
  /** What to throw when the program ended with anything but exit status 0. */
  readonly failure: (exit: ChildExit) => Error;
}

/**
 * Uploads what a program prints, never touching the disk. Ends when the program and all that it
 * started are gone, it exited 0, its output is proven complete, and every byte is acknowledged. When
 * it throws, the child may still live: the caller stops it.
 */
export async function streamDump(options: StreamDumpOptions): Promise<PendingStream> {
  const { child, upload, proofs, compression, signal } = options;
  const compressor = createCompressor(compression);
  // From the start: what outlives a killed leader holds its output open, and has to be ended.
  const ended = child.groupGone();
  const rate =
    options.maxBytesPerSecond === undefined ? undefined : new RateLimit(options.maxBytesPerSecond);
  const intoVault = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      await upload.write(chunk);
      // Whoever prints is held back by its pipe.
      const wait = rate?.count(chunk.length) ?? 0;
      if (wait > 0) await sleep(wait, undefined, { signal });
    }
  };
  const output = Readable.from(watched(child, proofs, signal), { objectMode: false });
  await (compressor === undefined
    ? pipeline(output, intoVault)
    : pipeline(output, compressor, intoVault));
  const exit = await ended;
  signal.throwIfAborted();
  // First: a program that failed has broken its output too, and is the cause.
  if (exit.code !== 0) throw options.failure(exit);
  for (const proof of proofs) await proof.conclude();
  return await upload.finish();
}

async function* watched(
  child: Child,
  proofs: readonly CompletenessProof[],
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    await Promise.all(proofs.map((proof) => proof.take(chunk)));
    yield chunk;
  }
}
