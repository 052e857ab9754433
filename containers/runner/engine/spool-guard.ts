import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '../../../contract/error-codes.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import type { SpoolLimits } from './throttle.ts';

/** What the thread is told. */
export interface GuardOrder {
  readonly directory: string;
  /** Process group of the dump. */
  readonly group: number;
  readonly limits: SpoolLimits;
}

/** What the thread says when it ends. */
export interface GuardReport {
  /** The most that the spool held, bytes. */
  readonly peakBytes: number;
  /** How long the dump was held back, seconds. */
  readonly pausedSeconds: number;
  readonly failure?: { readonly code: ErrorCode; readonly message: string; readonly hint: string };
}

/** Beside this module: as it is, and as it is bundled. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './spool-guard-thread.ts' : './spool-guard-thread.mjs',
  import.meta.url,
);

/** Keeps a dump from filling its spool, from a thread of its own. */
export class SpoolGuard {
  readonly #thread: Worker;
  readonly #ended: Promise<void>;
  #report: GuardReport | undefined;
  #failure: unknown;

  constructor(order: GuardOrder) {
    this.#thread = new Worker(THREAD, {
      workerData: order,
      execArgv: [],
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    this.#thread.on('message', (report: GuardReport) => {
      this.#report = report;
      const { failure } = report;
      if (failure !== undefined) {
        this.#failure ??= new HoldfastError(failure.code, failure.message, { hint: failure.hint });
      }
    });
    this.#thread.on('error', (error) => {
      this.#failure ??= error;
    });
    this.#ended = new Promise((resolve) => this.#thread.on('exit', () => resolve()));
  }

  /** @throws HoldfastError SPOOL_STALLED, or whatever ended the thread. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the watch and lets the dump go on. */
  async stop(): Promise<GuardReport> {
    this.#thread.postMessage('end');
    await this.#ended;
    return this.#report ?? { peakBytes: 0, pausedSeconds: 0 };
  }
}
