import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../../contract/error-codes.ts';
import { asHoldfastError, type HoldfastError } from '../../contract/errors.ts';
import type { Log } from './log.ts';
import type { Candidate, ChosenSource } from './source/choose-source.ts';
import { countConflicts, recogniseConflict } from './source/recovery-conflicts.ts';

/** Tries on one replica that cancels the dump, before the next one is asked. */
const TRIES_PER_REPLICA = 2;
/** Pause before the second try, ms; doubled for each further one. */
const FIRST_PAUSE_MS = 5_000;

/** What may pass by itself, once; rights, versions and disks do not. */
const WORTH_ONE_MORE: ReadonlySet<ErrorCode> = new Set([
  'DUMP_FAILED',
  'DUMP_INCOMPLETE',
  'SOURCE_UNREACHABLE',
  'SOURCE_CHANGED',
]);

export interface AttemptOptions<T> {
  readonly candidates: readonly Candidate[];
  /** Chooses among those that are left. */
  readonly choose: (candidates: readonly Candidate[]) => Promise<ChosenSource>;
  /** Does the work on one source; leaves nothing behind when it throws. */
  readonly work: (source: ChosenSource) => Promise<T>;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** @default 5000 */
  readonly firstPauseMs?: number;
  /** @default - asks the replica */
  readonly count?: typeof countConflicts;
}

/** What came of it, and how many tries it took. */
export interface Attempted<T> {
  readonly source: ChosenSource;
  readonly result: T;
  readonly attempts: number;
}

/**
 * Works on the best source, and again when that may help: a replica that cancels the dump gets a
 * second try, then the next server has its turn; any other passing failure is tried once more.
 *
 * @throws HoldfastError the last failure of the work, or why no source was left.
 */
export async function tryOnSources<T>(options: AttemptOptions<T>): Promise<Attempted<T>> {
  const { choose, work, log, signal, count = countConflicts } = options;
  const conflicts = new Map<number, number>();
  let candidates = options.candidates;
  let oneMore = true;
  let failure: HoldfastError | undefined;
  for (let attempts = 1; ; attempts += 1) {
    // When nobody else may serve, what the last one said tells more than that.
    const source = await choose(candidates).catch((error: unknown) => {
      throw failure ?? error;
    });
    const before = await count(source.server);
    try {
      return { source, result: await work(source), attempts };
    } catch (error) {
      signal.throwIfAborted();
      failure = recogniseConflict(asHoldfastError(error), before, await count(source.server));
    }
    const { uriIndex } = source.server;
    const others = candidates.filter((candidate) => candidate.uriIndex !== uriIndex);
    if (failure.code === 'SOURCE_CONFLICT') {
      const seen = (conflicts.get(uriIndex) ?? 0) + 1;
      conflicts.set(uriIndex, seen);
      if (seen >= TRIES_PER_REPLICA) candidates = others;
    } else if (oneMore && WORTH_ONE_MORE.has(failure.code)) {
      oneMore = false;
    } else {
      throw failure;
    }
    if (candidates.length === 0) throw failure;
    const pause = (options.firstPauseMs ?? FIRST_PAUSE_MS) * 2 ** (attempts - 1);
    log.warn('trying again', {
      attempt: attempts,
      code: failure.code,
      reason: failure.message,
      pause,
    });
    await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
