import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '../../../contract/error-codes.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import type { SpoolLimits, Writers } from './throttle.ts';

/** What the thread is made with. */
export interface GuardSettings {
  /** The run's own, with a directory for each dump. */
  readonly directory: string;
  readonly limits: SpoolLimits;
  /** A number that the thread keeps up to date: the most that the spool held, bytes. */
  readonly peak: SharedArrayBuffer;
}

/** What the thread is told. */
export type GuardOrder =
  | ({ readonly kind: 'watch'; readonly group: number } & Watched)
  | { readonly kind: 'release'; readonly group: number }
  | { readonly kind: 'end' };

/** How a dump is watched. */
export interface Watched {
  /** @default 'workers' */
  readonly writers?: Writers;
  /**
   * Absolute path of a file in the spool that stopping the writers makes no smaller: it comes on top of the
   * cap, and before it fills the disk the dump is ended.
   */
  readonly apart?: string;
}

/** What the thread says when it fails. */
export interface GuardReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** Beside this module: as it is, and as it is bundled. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './spool-guard-thread.ts' : './spool-guard-thread.mjs',
  import.meta.url,
);

/** Keeps a run's dumps from filling their spool, from a thread of its own. */
export class SpoolGuard {
  readonly #thread: Worker;
  readonly #peak = new Float64Array(new SharedArrayBuffer(8));
  #failure: unknown;

  private constructor(directory: string, limits: SpoolLimits) {
    const peak = this.#peak.buffer as SharedArrayBuffer;
    this.#thread = new Worker(THREAD, {
      workerData: { directory, limits, peak } satisfies GuardSettings,
      execArgv: [],
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    this.#thread.on('message', ({ code, message, hint }: GuardReport) => {
      this.#failure ??= new HoldfastError(code, message, { hint });
    });
    this.#thread.on('error', (error) => {
      this.#failure ??= error;
    });
    this.#thread.unref();
  }

  /** Starts the thread, and waits until it can watch: a dump may fill a small spool in milliseconds. */
  static async start(directory: string, limits: SpoolLimits): Promise<SpoolGuard> {
    const guard = new SpoolGuard(directory, limits);
    guard.#thread.ref();
    await new Promise((resolve) => guard.#thread.once('online', resolve).once('exit', resolve));
    guard.#thread.unref();
    return guard;
  }

  /** The most that the spool has held, bytes. */
  get peakBytes(): number {
    return this.#peak[0] ?? 0;
  }

  /**
   * Watches over one dump.
   *
   * @param group the dump's process group.
   * @returns what ends the watch and lets the dump go on.
   */
  watch(group: number, watched: Watched = {}): () => void {
    this.#tell({ kind: 'watch', group, ...watched });
    return () => this.#tell({ kind: 'release', group });
  }

  /** @throws HoldfastError SPOOL_STALLED, or whatever ended the thread. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the watch and lets all dumps go on. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#thread.once('exit', resolve));
    this.#thread.ref();
    if (this.#thread.threadId === -1) return;
    this.#tell({ kind: 'end' });
    await ended;
  }

  #tell(order: GuardOrder): void {
    this.#thread.postMessage(order);
  }
}
