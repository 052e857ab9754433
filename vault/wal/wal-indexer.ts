import { instantOf } from '../../contract/microseconds.ts';
import type { RestorePoint, WalIndex } from '../../contract/wal-object.ts';
import { formatLsn } from '../../contract/wal-segments.ts';
import { readRestorePoint, readTransactionEnd } from './wal-records.ts';
import { type WalRecord, WalWalker } from './wal-walker.ts';

/** Restore points that are kept until it is known how many there is room for. */
const MOST_RESTORE_POINTS = 64;

/** Two 32-bit transaction ids apart so far: the counter has begun anew. */
const HALF = 2 ** 31;

/**
 * Makes a segment's index while the segment is received. What it does not understand costs that segment
 * its index, and nothing else: the next one is begun afresh.
 */
export class WalIndexer {
  #walker = new WalWalker((record) => this.#read(record));
  #trouble: string | undefined;
  #lastTrouble: string | undefined;
  #index = emptyIndex();

  /** Why the last index was not there. */
  get trouble(): string | undefined {
    return this.#lastTrouble;
  }

  /** @param lsn where the bytes begin; they follow each other without a gap. */
  push(lsn: bigint, bytes: Buffer): void {
    if (this.#trouble !== undefined) return;
    try {
      this.#walker.push(lsn, bytes);
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
    }
  }

  /** The index of the segment that ends here; `undefined` where it was not understood. */
  take(): WalIndex | undefined {
    const lacking = this.#walker.passedOver ? { lacksFirst: true as const } : {};
    const index = this.#trouble === undefined ? { ...this.#index, ...lacking } : undefined;
    this.#lastTrouble = this.#trouble;
    if (this.#trouble !== undefined) this.#walker = new WalWalker((record) => this.#read(record));
    else this.#walker.endSegment();
    this.#trouble = undefined;
    this.#index = emptyIndex();
    return index;
  }

  #read({ kind, record, end, major }: WalRecord): void {
    if (kind === 'restore point') {
      this.#restorePoint(record, end);
      return;
    }
    const { committed, xid, at } = readTransactionEnd(record, major);
    const { xids, commits, firstCommitAt, lastCommitAt } = this.#index;
    if (xid !== 0) this.#index.xids = widened(xids, xid);
    if (!committed) return;
    const time = instantOf(at);
    this.#index.commits = commits + 1;
    if (firstCommitAt === null || time < firstCommitAt) this.#index.firstCommitAt = time;
    if (lastCommitAt === null || time > lastCommitAt) this.#index.lastCommitAt = time;
    this.#index.lastCommitLsn = formatLsn(end);
  }

  #restorePoint(record: Buffer, end: bigint): void {
    const { restorePoints } = this.#index;
    const { name, at } = readRestorePoint(record);
    if (restorePoints.length === MOST_RESTORE_POINTS) this.#index.moreRestorePoints += 1;
    else restorePoints.push({ name, lsn: formatLsn(end), at: instantOf(at) });
  }
}

type Growing = {
  -readonly [Key in keyof WalIndex]: Key extends 'restorePoints' ? RestorePoint[] : WalIndex[Key];
};

function emptyIndex(): Growing {
  return {
    commits: 0,
    firstCommitAt: null,
    lastCommitAt: null,
    lastCommitLsn: null,
    xids: null,
    restorePoints: [],
    moreRestorePoints: 0,
  };
}

/** Ids are compared as PostgreSQL does: of two, the one less than half the circle ahead is the later. */
function widened(xids: WalIndex['xids'], xid: number): [number, number] {
  if (xids === null) return [xid, xid];
  const [first, last] = xids;
  return [precedes(xid, first) ? xid : first, precedes(last, xid) ? xid : last];
}

function precedes(one: number, other: number): boolean {
  const ahead = (other - one + 2 ** 32) % 2 ** 32;
  return ahead > 0 && ahead < HALF;
}
