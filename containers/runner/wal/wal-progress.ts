import { Metric, metricFields, WAL_METRIC_DIMENSIONS } from '../../../contract/metrics.ts';
import { formatLsn } from '../../../contract/wal-segments.ts';
import type { Log } from '../log.ts';
import type { StreamPlan } from './plan-stream.ts';

/** Moments that are remembered, a second apart at least: the lag in time is as exact. */
const MOMENT_MS = 1_000;
const MOST_MOMENTS = 3_600;

/** How often it is told. Milliseconds. */
const TELL_EVERY_MS = 30_000;

/** How far the server is, how far the vault, and since when the one has been ahead of the other. */
export class WalProgress {
  readonly #now: () => number;
  /** Where the server was at what time, of what the vault has not. */
  #moments: { readonly lsn: bigint; readonly at: number }[] = [];
  #timeline = 0;
  #server = 0n;
  #durable = 0n;
  #durableAt: number | undefined;
  /** Up to where WAL has come. */
  received = 0n;
  streaming = false;
  /** Whether another primary has been seen since the last line. */
  twoPrimaries = false;
  #gaps = 0;
  #tellNow: () => void = () => undefined;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /**
   * A stream begins. Of a timeline that was left, what its server had beyond the vault is no lag: it may be gone
   * for good. On the same one it is, however often the stream breaks.
   *
   * @param start the first byte that will come.
   * @param durable up to where the vault has all.
   */
  begin({ timeline, start, durable }: Pick<StreamPlan, 'timeline' | 'start' | 'durable'>): void {
    if (timeline !== this.#timeline) {
      this.#timeline = timeline;
      this.#server = start;
      this.#moments = [];
    }
    this.stored(durable);
  }

  serverAt(lsn: bigint): void {
    if (lsn <= this.#server) return;
    this.#server = lsn;
    const last = this.#moments.at(-1);
    const now = this.#now();
    if (last !== undefined && now - last.at < MOMENT_MS) return;
    if (lsn > this.#durable) this.#moments.push({ lsn, at: now });
    // The oldest is what the lag counts from.
    if (this.#moments.length > MOST_MOMENTS) this.#moments.splice(1, 1);
  }

  stored(durable: bigint): void {
    this.#durable = durable;
    this.#durableAt = this.#now();
    this.#moments = this.#moments.filter(({ lsn }) => lsn > durable);
    if (this.#moments.length === 0 && this.#server > durable) {
      this.#moments.push({ lsn: this.#server, at: this.#now() });
    }
  }

  /** WAL is missing. Told at once: whoever is killed before the next line has told it all the same. */
  gap(): void {
    this.#gaps += 1;
    this.#tellNow();
  }

  /** Since the last line. */
  get gaps(): number {
    return this.#gaps;
  }

  get lagBytes(): number {
    return this.#server > this.#durable ? Number(this.#server - this.#durable) : 0;
  }

  get lagSeconds(): number {
    const [first] = this.#moments;
    return first === undefined ? 0 : (this.#now() - first.at) / 1000;
  }

  /** One line of the log that CloudWatch makes metrics of. What was found is in one of them, so that an alarm of it ends. */
  tell(log: Log, environment: string, cluster: string): void {
    const values = {
      [Metric.WalArchivedBytes]: Number(this.#durable),
      [Metric.WalLagBytes]: this.lagBytes,
      [Metric.WalLagSeconds]: this.lagSeconds,
      [Metric.WalGaps]: this.#gaps,
      [Metric.WalTwoPrimaries]: this.twoPrimaries ? 1 : 0,
      [Metric.WalStreaming]: this.streaming ? 1 : 0,
    };
    const units: Readonly<Record<string, string>> = {
      [Metric.WalArchivedBytes]: 'Bytes',
      [Metric.WalLagBytes]: 'Bytes',
      [Metric.WalLagSeconds]: 'Seconds',
    };
    const [Environment, Cluster] = WAL_METRIC_DIMENSIONS;
    const dimensions = { [Environment]: environment, [Cluster]: cluster };
    log.info('wal progress', {
      ...metricFields({ dimensions, values, units, at: this.#now() }),
      archived: formatLsn(this.#durable),
      archivedAt: this.#durableAt === undefined ? null : new Date(this.#durableAt).toISOString(),
      server: formatLsn(this.#server),
    });
    this.#gaps = 0;
    this.twoPrimaries = false;
  }

  /** @returns ends it. */
  tellRegularly(log: Log, environment: string, cluster: string): () => void {
    const tell = () => this.tell(log, environment, cluster);
    const timer = setInterval(tell, TELL_EVERY_MS);
    this.#tellNow = tell;
    return () => {
      clearInterval(timer);
      this.#tellNow = () => undefined;
    };
  }
}
