import { basename } from 'node:path/posix';
import { microsecondsOf } from '../../../contract/microseconds.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { parseLsn, segmentAt } from '../../../contract/wal-segments.ts';
import { completeUntil } from '../../../vault/wal/complete-until.ts';
import type { WalReader } from '../../../vault/wal/fetch-wal.ts';
import {
  findTarget,
  type PathSegment,
  segmentsAlong,
  stopsAt,
  type WalTarget,
} from '../../../vault/wal/segment-index.ts';
import type { RecoveryPath } from './recovery-path.ts';
import { microsecondsOfTarget, type RecoveryGoal, type RecoveryTarget } from './recovery-target.ts';
import type { ServerPrograms } from './server-programs.ts';
import { BaseTooLate, describeEnd, hasGapAfter, unreachable } from './target-unreachable.ts';
import { readSegments, readWalTail, type WalTail } from './wal-tail.ts';

export interface TargetReach {
  readonly base: PhysicalManifest;
  /** Where WAL that leads on from the backup's end ends itself. */
  readonly reach: bigint;
  readonly goal: RecoveryGoal;
  readonly programs: ServerPrograms;
}

/** How PostgreSQL is told of the target. */
export interface ReachedTarget {
  readonly goal: RecoveryGoal;
  readonly warnings: readonly string[];
}

/**
 * Makes sure that recovery from a backup stops at the target, and not before it in a gap or at the end.
 *
 * @throws BaseTooLate when the backup ends after it; HoldfastError TARGET_UNREACHABLE when WAL ends
 * before it, VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function reachTarget(
  reader: WalReader,
  path: RecoveryPath,
  request: TargetReach,
): Promise<ReachedTarget> {
  const { goal, base, reach } = request;
  const { target } = goal;
  const along = { ...goal, timeline: path.timeline };
  switch (target.is) {
    case 'immediate':
      // The archive may have left the backup's own timeline long ago.
      return { goal: { ...goal, timeline: 'current' }, warnings: [] };
    case 'latest':
      if (hasGapAfter(path, reach)) throw unreachable(path, goal, describeEnd(path, reach));
      return { goal: along, warnings: [] };
    case 'lsn': {
      const lsn = parseLsn(target.lsn);
      if (lsn < parseLsn(base.stop.lsn)) throw endsAfter(base);
      if (lsn > reach) throw unreachable(path, goal, describeEnd(path, reach));
      return await atLsn(reader, path, request, lsn);
    }
    case 'time':
      if (target.at < new Date(base.stop.at)) throw endsAfter(base);
      return await atTime(reader, path, request, target);
    case 'xid':
    case 'name':
      return await atNamed(reader, path, request, target);
  }
}

/** Recovery stops at a record that begins there or later: at the end of WAL that is the last one. */
async function atLsn(
  reader: WalReader,
  path: RecoveryPath,
  { goal, reach, programs }: TargetReach,
  lsn: bigint,
): Promise<ReachedTarget> {
  const along = { ...goal, timeline: path.timeline };
  const { segmentBytes } = path.catalog;
  if (segmentAt(lsn, segmentBytes) < segmentAt(reach - 1n, segmentBytes) - 1) {
    return { goal: along, warnings: [] };
  }
  const { lastRecord } = await readWalTail(reader, path, reach, programs);
  if (lastRecord === undefined || lsn <= parseLsn(lastRecord)) return { goal: along, warnings: [] };
  return { goal: atLastRecord(along, lastRecord), warnings: [] };
}

/** Only commits stop a recovery to a time: where none comes after it, the end of WAL has to. */
async function atTime(
  reader: WalReader,
  path: RecoveryPath,
  request: TargetReach,
  target: Extract<RecoveryTarget, { is: 'time' }>,
): Promise<ReachedTarget> {
  const { goal, reach } = request;
  const along = { ...goal, timeline: path.timeline };
  const segments = segmentsWithin(path, request);
  const wanted = { time: microsecondsOfTarget(target), inclusive: goal.inclusive };
  const found = await findTarget(reader, segments, wanted);
  if (found.segment !== undefined) return { goal: along, warnings: [] };
  const tail = await readTail(reader, path, request);
  if (tail?.ends.some(({ at }) => stopsAt(at, wanted))) return { goal: along, warnings: [] };
  const complete = await completeUntil(reader.vault, path, reach);
  if (tail?.lastRecord === undefined || complete === undefined || isAfter(wanted.time, complete)) {
    throw unreachable(path, goal, `${describeEnd(path, reach)}${describeComplete(complete)}`);
  }
  const unchecked =
    found.unindexed === 0
      ? []
      : [
          `${found.unindexed} segments of WAL say nothing of their commits: a commit after ${target.text} in one of them is replayed, too.`,
        ];
  // What has no index may hold a later commit: then the time is what stops it, and must be tried.
  if (found.unindexed > 0) return { goal: along, warnings: unchecked };
  return { goal: atLastRecord(along, tail.lastRecord), warnings: [] };
}

async function atNamed(
  reader: WalReader,
  path: RecoveryPath,
  request: TargetReach,
  target: Extract<RecoveryTarget, { is: 'xid' | 'name' }>,
): Promise<ReachedTarget> {
  const { goal, base } = request;
  const along = { ...goal, timeline: path.timeline };
  const wanted: WalTarget =
    target.is === 'xid' ? { xid: BigInt(target.xid) } : { name: target.name };
  const stop = parseLsn(base.stop.lsn);
  let isBefore = false;
  // An index knows between which ids its transactions are, and of all of the backup's last segment.
  const holds = async (segment: PathSegment): Promise<boolean> => {
    if (target.is === 'name' && segment.start >= stop) return true;
    const text = await readSegments(reader, withBefore(segment), request.programs);
    if (isIn(text, target, stop)) return true;
    if (isIn(text, target, 0n)) isBefore = true;
    return false;
  };
  const found = await findTarget(reader, segmentsWithin(path, request), wanted, holds);
  if (found.segment !== undefined) return { goal: along, warnings: [] };
  if (isBefore) throw endsAfter(base);
  const tail = await readTail(reader, path, request);
  if (tail !== undefined && isIn(tail, target, stop)) return { goal: along, warnings: [] };
  if (found.unindexed === 0 && found.incomplete === 0) {
    throw new BaseTooLate(
      `no WAL after a base backup's end holds it; ${describeEnd(path, request.reach)}`,
    );
  }
  const what = target.is === 'xid' ? 'transactions' : 'restore points';
  return {
    goal: along,
    warnings: [
      `${found.unindexed + found.incomplete} segments of WAL do not say all of their ${what}: whether the target is in one of them is found out by trying.`,
    ],
  };
}

/** Names of a segment and of the one before it, in which its first record may begin. */
function withBefore({ name, before }: PathSegment): string[] {
  return before === undefined ? [name] : [basename(before.key), name];
}

function isIn(
  { ends, restorePoints }: WalTail,
  target: Extract<RecoveryTarget, { is: 'xid' | 'name' }>,
  stop: bigint,
): boolean {
  if (target.is === 'name') {
    return restorePoints.some(({ name, lsn }) => name === target.name && parseLsn(lsn) >= stop);
  }
  const xid = Number(BigInt(target.xid) & 0xffff_ffffn);
  return ends.some((end) => end.xid === xid && parseLsn(end.lsn) >= stop);
}

function endsAfter({ label, stop }: PhysicalManifest): BaseTooLate {
  return new BaseTooLate(
    `no base backup ends before it: the oldest, ${label}, ends at ${stop.at} (${stop.lsn})`,
  );
}

/** Whole segments from the backup's end to where WAL ends. */
function segmentsWithin(path: RecoveryPath, { base, reach }: TargetReach): PathSegment[] {
  const along = segmentsAlong(path.catalog, path.path, parseLsn(base.stop.lsn));
  return along.filter(({ start }) => start < reach);
}

async function readTail(
  reader: WalReader,
  path: RecoveryPath,
  { base, reach, programs }: TargetReach,
): Promise<WalTail | undefined> {
  if (reach <= parseLsn(base.stop.lsn)) return undefined;
  return await readWalTail(reader, path, reach, programs);
}

function isAfter(time: bigint, complete: string): boolean {
  return time > microsecondsOf(complete);
}

function describeComplete(complete: string | undefined): string {
  return complete === undefined
    ? ', and nothing says until when it holds all that was committed'
    : `, and is known to hold all that was committed until ${complete}`;
}

/** Bounded by a position: WAL that comes meanwhile is not replayed. */
function atLastRecord(goal: RecoveryGoal, lsn: string): RecoveryGoal {
  return { ...goal, target: { is: 'lsn', lsn }, inclusive: true };
}
