import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../../contract/error-codes.ts';
import { asHoldfastError, type HoldfastError } from '../../contract/errors.ts';
import type { Tried } from '../../contract/manifest-source.ts';
import type { Log } from './log.ts';
import { UnchangedSince } from './physical/unchanged-since.ts';
import type { Candidate, ChosenSource } from './source/choose-source.ts';
import { whereabouts } from './source/connection-error.ts';
import { countConflicts, recogniseConflict } from './source/recovery-conflicts.ts';

/** Tries on one replica that cancels the dump, before the next one is asked. */
const TRIES_PER_REPLICA = 2;
/** How much of a reason the manifest keeps, characters. */
const REASON_LENGTH = 500;

/** What may pass by itself, once; rights, versions and disks do not. */
const WORTH_ONE_MORE: ReadonlySet<ErrorCode> = new Set([
  'DUMP_FAILED',
  'DUMP_INCOMPLETE',
  'SOURCE_UNREACHABLE',
  'SOURCE_CHANGED',
  'SOURCE_NOT_PAUSED',
]);

/** Says that a candidate will not do. */
export type Refused = (candidate: Candidate, why: HoldfastError) => void;

export interface AttemptOptions<T> {
  readonly candidates: readonly Candidate[];
  /** Chooses among those that are left. */
  readonly choose: (candidates: readonly Candidate[], refused: Refused) => Promise<ChosenSource>;
  /**
   * Reads anew where the servers are, and how they let us in.
   * @default - nothing is read
   */
  readonly renew?: () => Promise<readonly Candidate[]>;
  /** Does the work on one source; leaves nothing behind when it throws. */
  readonly work: (source: ChosenSource) => Promise<T>;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Pause before the second try; doubled for each further one. Seconds. */
  readonly pauseSeconds: number;
  /** @default - asks the replica */
  readonly count?: typeof countConflicts;
}

/** What came of it, how many tries it took, and what was tried in vain. */
export interface Attempted<T> {
  readonly source: ChosenSource;
  readonly result: T;
  readonly attempts: number;
  readonly tried: readonly Tried[];
}

/**
 * Works on the best source, and again when that may help: a replica that cancels the dump gets a
 * second try, then the next server has its turn; any other passing failure is tried once more, and so is
 * a password that was right when it began, where the secret has another by now.
 *
 * @throws HoldfastError the last failure of the work, or why no source was left.
 */
export async function tryOnSources<T>(options: AttemptOptions<T>): Promise<Attempted<T>> {
  const { choose, work, log, signal, pauseSeconds, count = countConflicts } = options;
  const conflicts = new Map<ChosenSource['server']['target'], number>();
  const tried: Tried[] = [];
  let candidates = options.candidates;
  let oneMore = true;
  let failure: HoldfastError | undefined;
  for (let attempts = 1; ; attempts += 1) {
    const refused: Refused = (candidate, why) => {
      const { code, message: reason } = why;
      log.warn('source refused', { server: whereabouts(candidate), code, reason });
      tried.push(inVain(attempts, candidate, why));
    };
    // When nobody else may serve, what the last one said tells more than that.
    const source = await choose(candidates, refused).catch((error: unknown) => {
      throw failure ?? error;
    });
    const before = await count(source.server);
    try {
      return { source, result: await work(source), attempts, tried };
    } catch (error) {
      signal.throwIfAborted();
      // What is no error is a result.
      if (error instanceof UnchangedSince) throw error;
      failure = recogniseConflict(asHoldfastError(error), before, await count(source.server));
    }
    tried.push(inVain(attempts, source.server, failure));
    const { target } = source.server;
    const others = candidates.filter((candidate) => candidate.target !== target);
    if (failure.code === 'SOURCE_CONFLICT') {
      const seen = (conflicts.get(target) ?? 0) + 1;
      conflicts.set(target, seen);
      if (seen >= TRIES_PER_REPLICA) candidates = others;
    } else if (oneMore && WORTH_ONE_MORE.has(failure.code)) {
      oneMore = false;
    } else if (oneMore && failure.code === 'SOURCE_AUTHENTICATION') {
      oneMore = false;
      candidates = (await letInNow(options)) ?? [];
    } else {
      throw failure;
    }
    if (candidates.length === 0) throw failure;
    const pause = pauseSeconds * 1000 * 2 ** (attempts - 1);
    log.warn('trying again', {
      attempt: attempts,
      code: failure.code,
      reason: failure.message,
      pause,
    });
    await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** What the secret says now; `undefined`: the same as before, or nothing that can be read. */
async function letInNow({
  candidates,
  renew,
}: Pick<AttemptOptions<unknown>, 'candidates' | 'renew'>): Promise<
  readonly Candidate[] | undefined
> {
  const now = await renew?.().catch(() => undefined);
  return isDeepStrictEqual(now, candidates) ? undefined : now;
}

function inVain(
  attempt: number,
  { target: { host, port }, uriIndex }: Candidate,
  { code, message }: HoldfastError,
): Tried {
  return { attempt, host, port, uriIndex, code, reason: message.slice(0, REASON_LENGTH) };
}
