import { HoldfastError } from '../../../contract/errors.ts';
import type { RecoveryLimit } from './control-data.ts';
import type { TargetAction } from './recovery-target.ts';
import type { ServerProcess } from './server-process.ts';

/** How a recovery went, by the server's own words. */
export interface Recovery {
  /** `promoted` writes on a timeline of its own, `paused` waits for a word, `stopped` has shut down. */
  readonly state: 'promoted' | 'paused' | 'stopped';
  /**
   * Where the last record that was replayed begins; `undefined`: none was, or it is not known. Only a
   * server that leaves recovery says it, so it is not known of one that is paused or has shut down.
   */
  readonly redoneLsn: string | undefined;
  /** When the last transaction that it holds was committed, as the log says it, in the same moment. */
  readonly lastCommit: string | undefined;
  /** What it stopped at: `before commit of transaction 742, time …`. */
  readonly stoppedAt: string | undefined;
  /** That it writes on, once promoted. */
  readonly timeline: number | undefined;
}

/** A setting is lower than the primary's was: the server says how high it must be. */
export interface TooLow {
  readonly setting: RecoveryLimit;
  readonly needed: number;
}

/** WAL ended before the target: of a backup after which nothing was written, its own end, too. */
export const ENDED_BEFORE = 'ended before the target';

/**
 * How the end of WAL lies to the target. `is waited at`: the target is reached, and a standby stays there
 * until it is told otherwise.
 */
export type WalEnd = 'comes after' | 'may come before' | 'is waited at';

/** Called with the position that is replayed. */
export type ReportReplay = (lsn: string) => void;

/**
 * Reads along what a server says while it recovers, until it is where it should be.
 *
 * @param walEnd where it `may come before` the target, that is answered and not thrown
 * @returns settings that must be raised before another start, where that is what it wants.
 * @throws HoldfastError RESTORE_FAILED when it ends otherwise; TERMINATED
 */
export async function followRecovery(
  server: ServerProcess,
  { action, walEnd }: { readonly action: TargetAction; readonly walEnd: WalEnd },
  onReplay: ReportReplay | undefined,
  signal: AbortSignal | undefined,
): Promise<Recovery | readonly TooLow[] | typeof ENDED_BEFORE> {
  const tooLow: TooLow[] = [];
  const seen = new Map<keyof typeof PATTERNS, string>();
  for await (const line of server.lines(signal)) {
    for (const [name, pattern] of Object.entries(PATTERNS)) {
      const found = pattern.exec(line)?.[1];
      if (found !== undefined) seen.set(name as keyof typeof PATTERNS, found);
    }
    const replayed = PATTERNS.progress.exec(line)?.[1];
    if (replayed !== undefined) onReplay?.(replayed);
    const [, setting, needed] = TOO_LOW.exec(line) ?? [];
    if (setting !== undefined) {
      tooLow.push({ setting: setting as RecoveryLimit, needed: Number(needed) });
    }
    if (tooLow.length > 0 && /recovery has paused/.test(line)) return tooLow;
    if (PAUSED.test(line)) return recovery('paused', seen);
    if (walEnd === 'is waited at' && READ_ONLY.test(line)) {
      return recovery(action === 'pause' ? 'paused' : 'stopped', seen);
    }
    if (READY.test(line)) return recovery('promoted', seen);
  }
  if (tooLow.length > 0) return tooLow;
  // As a standby it would wait for ever for what would make it consistent.
  const atTarget = action === 'promote' || seen.has('consistent');
  if (seen.has('endedBefore') && walEnd === 'may come before' && atTarget) return ENDED_BEFORE;
  if (seen.has('shutdown') && action === 'shutdown') return recovery('stopped', seen);
  throw new HoldfastError(
    'RESTORE_FAILED',
    `The server ended during recovery (${server.ended}): ${await server.tail()}`,
    {
      hint: `What was fetched is kept, with the server's log in ${server.logFile}. Look at it, empty the directory, and restore again, perhaps to an earlier target.`,
    },
  );
}

const PATTERNS = {
  progress: /redo in progress.*current LSN: ([0-9A-F]+\/[0-9A-F]+)/,
  redone: /redo done at ([0-9A-F]+\/[0-9A-F]+)/,
  lastCommit: /last completed transaction was at log time (.+)$/,
  stoppedAt: /recovery stopping ((?:before|after) .+)$/,
  timeline: /selected new timeline ID: (\d+)/,
  shutdown: /(shutdown at recovery target)/,
  consistent: /(consistent recovery state reached)/,
  endedBefore: /(recovery ended before configured recovery target was reached)/,
} as const;
const PAUSED = /LOG: {2}pausing at the end of recovery/;
const READ_ONLY = /LOG: {2}database system is ready to accept read-only connections/;
const READY = /LOG: {2}database system is ready to accept connections/;
const TOO_LOW =
  /(max_\w+) = \d+ is a lower setting than on the primary server, where its value was (\d+)/;

function recovery(
  state: Recovery['state'],
  seen: ReadonlyMap<keyof typeof PATTERNS, string>,
): Recovery {
  const timeline = seen.get('timeline');
  return {
    state,
    redoneLsn: seen.get('redone'),
    lastCommit: seen.get('lastCommit'),
    stoppedAt: seen.get('stoppedAt'),
    timeline: timeline === undefined ? undefined : Number(timeline),
  };
}
