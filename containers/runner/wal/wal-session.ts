import { formatLsn } from '../../../contract/wal-segments.ts';
import { connectionError } from '../source/connection-error.ts';
import type { StreamPlan } from './plan-stream.ts';
import { ReceiveBuffer } from './receive-buffer.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import type { FromServer } from './replication-messages.ts';
import { PATIENCE, type Patience, ServerSilence } from './server-silence.ts';
import { type TimelineEnd, WalStream } from './wal-stream.ts';
import type { WalUploads } from './wal-uploads.ts';

/** Received and not yet taken: beyond it nothing more is read from the socket. Bytes. */
const HIGH_WATER = 1024 * 1024;
const LOW_WATER = 512 * 1024;
/** And what comes with the last that was read: a socket's chunk, and the message that it ends. Bytes. */
const ROOM_BYTES = 2 * HIGH_WATER;

export interface SessionOptions {
  readonly connection: ReplicationConnection;
  readonly slotName: string;
  readonly plan: StreamPlan;
  readonly uploads: WalUploads;
  /** Seconds. */
  readonly incrementSeconds: number;
  /** How far the server has come, whenever it says so. */
  readonly serverAt: (lsn: bigint) => void;
  /** How far WAL has come. */
  readonly received: (lsn: bigint) => void;
  /** Told where all ends that the server had written, and when. @default nobody */
  readonly complete?: (lsn: bigint, at: bigint) => void;
  /** @default PATIENCE */
  readonly patience?: Patience | undefined;
  readonly signal: AbortSignal;
}

/** One stream from one server into the vault. */
export class WalSession {
  readonly #options: SessionOptions;
  readonly #stream: WalStream;
  readonly #queue = new ReceiveBuffer(ROOM_BYTES);
  readonly #broken = Promise.withResolvers<never>();
  readonly #patience: Patience;
  readonly #silence: ServerSilence;
  #paused = false;
  #expected: bigint;
  #wake: () => void = () => undefined;

  constructor(options: SessionOptions) {
    const { connection, slotName, plan, patience = PATIENCE } = options;
    this.#options = options;
    this.#patience = patience;
    this.#silence = new ServerSilence(patience);
    this.#expected = plan.start;
    this.#broken.promise.catch(() => undefined);
    this.#stream = WalStream.start(connection, {
      slot: slotName,
      timeline: plan.timeline,
      start: plan.start,
      received: (message) => this.#received(message),
    });
  }

  /**
   * Tells the server what is in the vault, of what it has sent itself: a standby may lag behind a vault
   * that had the rest from its primary, and its slot is not to pass its own WAL.
   */
  report(asks = false): void {
    const { durable } = this.#options.uploads;
    // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigint
    this.#stream.report(durable < this.#expected ? durable : this.#expected, asks);
  }

  /**
   * Takes all that comes, until the timeline ends, the connection does, or the signal says so: then with
   * the signal's reason.
   */
  async run(): Promise<TimelineEnd | undefined> {
    const { uploads, signal, incrementSeconds } = this.#options;
    const stop = Promise.withResolvers<never>();
    const onAbort = (): void => stop.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    stop.promise.catch(() => undefined);
    if (signal.aborted) onAbort();
    let over = false;
    const timers = [
      setInterval(() => this.#reportOrGiveUp(over), this.#patience.reportMs),
      ...(incrementSeconds > 0
        ? [setInterval(() => uploads.increment(), incrementSeconds * 1000)]
        : []),
    ];
    const ended = this.#stream.ended.finally(() => {
      over = true;
      this.#wake();
    });
    const taking = this.#takeAll(() => over);
    taking.catch(() => undefined);
    try {
      this.report();
      const failures = [uploads.failed, stop.promise, this.#broken.promise];
      const end = await Promise.race([ended, ...failures, taking.then(() => ended)]);
      await Promise.race([taking, ...failures]);
      return end;
    } finally {
      over = true;
      this.#wake();
      signal.removeEventListener('abort', onAbort);
      for (const timer of timers) clearInterval(timer);
    }
  }

  #reportOrGiveUp(over: boolean): void {
    // Nobody is heard while nothing is read, or once all has come.
    if (over || this.#paused) {
      this.#silence.heard();
      this.report();
      return;
    }
    const next = this.#silence.next();
    if (next !== 'give up') {
      this.report(next === 'ask');
      return;
    }
    const seconds = this.#patience.silentMs / 1000;
    const silent = new Error(`nothing has come from it for ${seconds} seconds, not even an answer`);
    this.#broken.reject(connectionError(silent, this.#options.connection.server));
  }

  #received(message: FromServer): void {
    const { serverAt } = this.#options;
    this.#silence.heard();
    serverAt(message.serverEnd);
    if (message.is === 'keepalive') {
      if (message.replyRequested) this.report();
      return;
    }
    if (message.start !== this.#expected) {
      const [sent, wanted] = [message.start, this.#expected].map(formatLsn);
      this.#broken.reject(new Error(`The server sent WAL from ${sent} where ${wanted} was next.`));
      return;
    }
    if (!this.#queue.push(message.data)) {
      this.#broken.reject(new Error(`The server sent ${message.data.length} bytes at once.`));
      return;
    }
    this.#expected += BigInt(message.data.length);
    // A keepalive does not say it: it names what was sent, and not what there is.
    if (this.#expected === message.serverEnd) {
      this.#options.complete?.(this.#expected, message.sentAt);
    }
    if (this.#queue.length > HIGH_WATER && !this.#paused) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.#wake();
  }

  async #takeAll(over: () => boolean): Promise<void> {
    for (;;) {
      const data = this.#queue.peek();
      if (data.length > 0) {
        await this.#options.uploads.write(data);
        this.#queue.drop(data.length);
        this.#options.received(this.#options.uploads.received);
        if (this.#paused && this.#queue.length < LOW_WATER) {
          this.#paused = false;
          this.#stream.resume();
        }
      } else if (over()) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
