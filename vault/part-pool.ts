import { FRAME_BYTES, FRAME_OVERHEAD_BYTES } from './encryption/message-format.ts';

/** Room in each part for a message's header, with its encrypted data keys, and an empty last frame, bytes. */
const HEADER_ROOM_BYTES = 16 * 1024;

/** A place for one part: filled by an encryption thread, read by the upload. */
export interface PartBuffer {
  /** Offset in the pool's memory, bytes. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * A fixed number of equal buffers, lent to whoever fills the next part of an upload. It is what
 * bounds the memory of a backup: when all are lent, `acquire` waits, the encryption behind it waits,
 * files are not read on, the spool fills, and the dump's workers are stopped.
 */
export class PartPool {
  /** Frames of plain text in each part but an upload's last. */
  readonly frames: number;
  readonly partBytes: number;
  readonly size: number;
  /** All of them: threads share it. */
  readonly memory: SharedArrayBuffer;
  #made = 0;
  #released = 0;
  readonly #free: PartBuffer[] = [];
  readonly #waiting: ((buffer: PartBuffer) => void)[] = [];

  /**
   * @param frames in each part; S3 wants 5 MiB at least for all but a last part.
   * @param size how many buffers there are at most.
   */
  constructor(frames: number, size: number) {
    this.frames = frames;
    this.partBytes = frames * (FRAME_BYTES + FRAME_OVERHEAD_BYTES) + HEADER_ROOM_BYTES;
    this.size = size;
    // Pages that nobody has written to take no memory.
    this.memory = new SharedArrayBuffer(this.partBytes * size);
  }

  /** How often a buffer came back: rises as long as parts are uploaded. */
  get released(): number {
    return this.#released;
  }

  async acquire(): Promise<PartBuffer> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made < this.size) {
      const offset = this.#made * this.partBytes;
      this.#made += 1;
      return { offset, bytes: Buffer.from(this.memory, offset, this.partBytes) };
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(buffer: PartBuffer): void {
    this.#released += 1;
    const next = this.#waiting.shift();
    if (next !== undefined) next(buffer);
    else this.#free.push(buffer);
  }
}
