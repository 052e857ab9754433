import { segmentName, segmentStart } from '../../../contract/wal-segments.ts';
import { WalIndexer } from '../../../vault/wal/wal-indexer.ts';
import { type WalMessage, walBodyBytes } from '../../../vault/wal/wal-message.ts';
import { PageCheck } from '../../../vault/wal/wal-pages.ts';
import { MOST_AT_ONCE } from '../../../vault/wal/wal-position.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';
import {
  beginSegment,
  composeFile,
  composeIncrement,
  putIncrement,
  putPartial,
  putSegment,
  type SegmentFacts,
} from '../../../vault/wal/wal-writer.ts';
import type { Log } from '../log.ts';
import { BodyPool } from './body-pool.ts';
import { CompleteUntil } from './complete-until.ts';
import { DurableRange } from './durable-range.ts';
import { OpenSegment } from './open-segment.ts';
import { resumedBytes } from './resumed-bytes.ts';
import { untilStored } from './until-stored.ts';

/** Encrypted segments in memory at once, the open one included. Bytes. */
const BODIES_BYTES = 48 * 1024 * 1024;

/** What one server's WAL needs of memory, whatever becomes of connections. */
export interface WalMemory {
  readonly segmentBytes: number;
  /** Of the open segment, as it came. */
  readonly plain: Buffer;
  readonly bodies: BodyPool;
  /** Of the increment that is on its way: there is one at a time. Left to the collector, they pile up. */
  readonly increment: Buffer;
}

export function walMemory(segmentBytes: number): WalMemory {
  // One is filled while at least another one is on its way.
  const buffers = Math.max(2, Math.floor(BODIES_BYTES / segmentBytes));
  return {
    segmentBytes,
    plain: Buffer.allocUnsafeSlow(segmentBytes),
    bodies: new BodyPool(Math.min(buffers, MOST_AT_ONCE), walBodyBytes(segmentBytes)),
    increment: Buffer.allocUnsafeSlow(walBodyBytes(segmentBytes)),
  };
}

export interface WalUploadsOptions {
  readonly vault: WalVault;
  readonly memory: WalMemory;
  readonly timeline: number;
  /** A segment's beginning: the first byte that will come. */
  readonly start: bigint;
  /** Up to where the vault has all of it. */
  readonly durable: bigint;
  /** Increments that end before say nothing new: the timeline's own WAL begins here. */
  readonly incrementsFrom: bigint;
  /** After so long, what came is put there as an increment; 0: as soon as the last is there. Seconds. */
  readonly incrementSeconds: number;
  readonly log: Log;
  /** Called whenever more is in the vault without a gap. */
  readonly stored: (durable: bigint) => void;
}

/**
 * The WAL of one timeline on its way into the vault: whole segments when they are full, several at once,
 * and increments of the open one meanwhile. `durable` is what the server may be told.
 */
export class WalUploads {
  readonly #options: WalUploadsOptions;
  readonly #abort = new AbortController();
  readonly #indexer = new WalIndexer();
  readonly #range: DurableRange;
  readonly #complete = new CompleteUntil();
  readonly #uploads = new Set<Promise<void>>();
  readonly #failed = Promise.withResolvers<never>();
  #open: OpenSegment | undefined;
  #next: bigint;
  /** Settles when the increment on its way has let go of the plain text. */
  #composing: Promise<unknown> = Promise.resolve();
  /** Settles when what is being taken has been; it may wait for a key longer than its connection lives. */
  #writing: Promise<unknown> = Promise.resolve();
  /** Settles when what finishes it has let go of the open segment. */
  #finishing: Promise<unknown> | undefined;
  #incrementing = false;
  #due = false;

  constructor(options: WalUploadsOptions) {
    this.#options = options;
    this.#range = new DurableRange(options.durable);
    this.#next = options.start;
    this.#failed.promise.catch(() => undefined);
  }

  /** Up to where the vault has all, without a gap. */
  get durable(): bigint {
    return this.#range.end;
  }

  /** Up to where WAL has come. */
  get received(): bigint {
    return this.#next;
  }

  get timeline(): number {
    return this.#options.timeline;
  }

  /** Rejects with what waiting does not change, such as other WAL in the vault. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Takes what follows, one piece at a time; waits for memory, and so for the vault. */
  async write(data: Buffer): Promise<void> {
    const writing = this.#take(data);
    this.#writing = writing.catch(() => undefined);
    await writing;
  }

  async #take(data: Buffer): Promise<void> {
    for (let done = 0; done < data.length; ) {
      this.#abort.signal.throwIfAborted();
      if (this.#finishing !== undefined) throw new Error('the timeline has ended');
      this.#open ??= await this.#begin();
      const segment = this.#open;
      const piece = data.subarray(done, done + segment.room);
      await segment.write(piece);
      this.#indexer.push(this.#next, piece);
      this.#next += BigInt(piece.length);
      done += piece.length;
      if (segment.room === 0) await this.#finishSegment(segment);
    }
    if (this.#options.incrementSeconds === 0) this.increment();
  }

  /**
   * Takes note that all the server had written ended somewhere, and when.
   *
   * @param at by its clock. Microseconds since 1970.
   */
  completeAt(lsn: bigint, at: bigint): void {
    this.#complete.note({ lsn, at }, this.#next);
  }

  /** Puts what came since the last increment there as another one, at once or when that one is there. */
  increment(): void {
    const segment = this.#open;
    if (segment === undefined || !segment.hasNews || this.#next <= this.#options.incrementsFrom) {
      return;
    }
    if (this.#incrementing) {
      this.#due = true;
      return;
    }
    this.#incrementing = true;
    this.#due = false;
    this.#track(this.#putIncrement(segment));
  }

  /** Puts all that came there; settles when it is. */
  async flush(): Promise<void> {
    const target = this.#next;
    this.increment();
    while (this.durable < target && this.#uploads.size > 0) {
      await Promise.race([...this.#uploads, this.#failed.promise]);
      this.increment();
    }
  }

  /**
   * The timeline ends here: what there is of its last segment is kept as partial. Settles when all of it
   * is in the vault.
   */
  async finish(): Promise<void> {
    const finishing = this.#finish();
    this.#finishing = finishing.catch(() => undefined);
    await finishing;
  }

  async #finish(): Promise<void> {
    await this.#writing;
    const segment = this.#open;
    if (segment !== undefined && segment.filled > 0) await this.#finishPartial(segment);
    while (this.#uploads.size > 0) {
      await Promise.race([Promise.all(this.#uploads), this.#failed.promise]);
    }
  }

  async #finishPartial(segment: OpenSegment): Promise<void> {
    const { vault, log, timeline } = this.#options;
    const file = `${segment.name}.partial`;
    const options = { log, signal: this.#abort.signal, what: file };
    await this.#composing;
    const index = this.#indexer.take();
    // Encrypted anew: what was begun is bound to the whole segment's name.
    const compose = () => composeFile(vault, file, segment.plain);
    const body = await untilStored(compose, options);
    if (body === undefined) throw new Error('never pointless');
    const outcome = await untilStored(
      () => putPartial(vault, segment.name, body, { index }),
      options,
    );
    log.info('timeline left', { timeline, partial: segment.name, bytes: body.bytes, outcome });
    // Another one may be shorter; then increments, or the next timeline's segment, have to have it.
    if (outcome !== 'other') this.#add(segment.start, segment.start + BigInt(body.bytes));
    this.#close(segment);
  }

  #close(segment: OpenSegment): void {
    segment.drop();
    this.#options.memory.bodies.release(segment.body);
    this.#open = undefined;
  }

  /** Ends what is under way; what is not in the vault is asked for again. */
  async drop(reason: unknown): Promise<void> {
    this.#abort.abort(reason);
    await Promise.all([this.#writing, this.#finishing]);
    await Promise.allSettled([...this.#uploads, this.#composing]);
    if (this.#open !== undefined) this.#close(this.#open);
  }

  async #begin(): Promise<OpenSegment> {
    const { vault, memory, timeline, log, incrementsFrom } = this.#options;
    const number = Number(this.#next / BigInt(memory.segmentBytes));
    const name = segmentName({ timeline, number }, memory.segmentBytes);
    const { signal } = this.#abort;
    const body = await memory.bodies.acquire(signal);
    let begun: WalMessage | undefined;
    try {
      await this.#composing;
      begun = await untilStored(() => beginSegment(vault, name, body), {
        log,
        signal,
        what: `data key of ${name}`,
      });
      if (begun === undefined) throw new Error('never pointless');
      const start = segmentStart(number, memory.segmentBytes);
      // What it shares with the timeline before lies under that one's name: here nothing of it does yet.
      const here = this.durable > start && this.durable > incrementsFrom;
      const sent = here ? Number(this.durable - start) : 0;
      const asked = { log, signal, what: `increments of ${name}` };
      const resumed =
        sent > 0 ? await untilStored(() => resumedBytes(vault, name, sent), asked) : undefined;
      // It may have come late: the memory is the next connection's then.
      signal.throwIfAborted();
      const { systemIdentifier } = vault;
      const wrong = (found: string) => new Error(`What came is not ${name}: ${found}.`);
      const pages = new PageCheck({ timeline, segment: name, systemIdentifier, wrong });
      return new OpenSegment({
        ...{ name, start, message: begun, pages, body, plain: memory.plain, sent, resumed },
      });
    } catch (error) {
      begun?.drop();
      memory.bodies.release(body);
      throw error;
    }
  }

  async #finishSegment(segment: OpenSegment): Promise<void> {
    const complete = this.#complete.of(this.#next);
    const body = await segment.finish();
    const index = this.#indexer.take();
    this.#open = undefined;
    this.#track(this.#putSegment(segment, body, { index, complete }));
  }

  async #putSegment(
    { name, start, body: memory }: OpenSegment,
    body: Parameters<typeof putSegment>[2],
    facts: SegmentFacts,
  ): Promise<void> {
    const { vault, log } = this.#options;
    if (facts.index === undefined) {
      const effect = 'no recovery target will be found in it; everything else works';
      log.warn('WAL not understood', { segment: name, reason: this.#indexer.trouble, effect });
    }
    try {
      await untilStored(() => putSegment(vault, name, body, facts), {
        log,
        signal: this.#abort.signal,
        what: name,
      });
      this.#add(start, start + BigInt(body.bytes));
    } finally {
      this.#options.memory.bodies.release(memory);
    }
  }

  async #putIncrement(segment: OpenSegment): Promise<void> {
    const { vault, memory, log } = this.#options;
    const { signal } = this.#abort;
    try {
      const { from, to, plain } = segment.takeNews();
      const complete = this.#complete.of(segment.start + BigInt(to));
      const [first, end] = [segment.start + BigInt(from), segment.start + BigInt(to)];
      const options = {
        log,
        signal,
        what: `increment of ${segment.name}`,
        // The whole segment may be there by now.
        pointless: () => this.durable >= end,
      };
      const composing = untilStored(() => composeIncrement(vault, plain, memory.increment), {
        log,
        signal,
        what: options.what,
      });
      this.#composing = composing.catch(() => undefined);
      const body = await composing;
      if (body === undefined) return;
      await untilStored(() => putIncrement(vault, segment.name, from, body, complete), options);
      this.#add(first, end);
    } finally {
      this.#incrementing = false;
      if ((this.#due || this.#options.incrementSeconds === 0) && !signal.aborted) this.increment();
    }
  }

  #add(from: bigint, to: bigint): void {
    const before = this.durable;
    this.#range.add(from, to);
    if (this.durable > before) this.#options.stored(this.durable);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#abort.signal.aborted) this.#failed.reject(error);
      })
      .finally(() => this.#uploads.delete(tracked));
    this.#uploads.add(tracked);
  }
}
