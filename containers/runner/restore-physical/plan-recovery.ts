import { setTimeout as sleep } from 'node:timers/promises';
import type { HoldfastError } from '../../../contract/errors.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { reachFrom } from '../../../contract/wal-coverage.ts';
import { parseLsn, segmentAt } from '../../../contract/wal-segments.ts';
import type { WalReader } from '../../../vault/wal/fetch-wal.ts';
import { segmentsAlong } from '../../../vault/wal/segment-index.ts';
import { isJustStored, LOOKS, PAUSE_MS } from '../../../vault/wal/wal-answer.ts';
import { type ReachedTarget, reachTarget } from './reach-target.ts';
import { type RecoveryPath, readRecoveryPath } from './recovery-path.ts';
import type { RecoveryGoal } from './recovery-target.ts';
import type { ServerPrograms } from './server-programs.ts';
import { BaseTooLate, hasGapAfter, unreachable } from './target-unreachable.ts';

/** From which backup, and how, a target is reached. */
export interface RecoveryPlan extends ReachedTarget {
  /** The full one first, the one to begin with last. */
  readonly members: readonly PhysicalManifest[];
  /** Where WAL that hangs together ends. */
  readonly reach: bigint;
  /** Whether WAL goes on behind it: then the target is one that recovery stops at before. */
  readonly endsAtGap: boolean;
  /** Names of the whole segments that the server will ask for, in order. */
  readonly segments: readonly string[];
}

/**
 * Chooses the newest backup from which the target can be reached, and makes sure, before anything is
 * fetched, that WAL leads from there to it without a gap. What follows on a gap and was stored just now may
 * have overtaken what is missing: then it is looked again.
 *
 * @param all the cluster's physical backups.
 * @param named the one to begin with, where somebody has said so.
 * @throws HoldfastError TARGET_UNREACHABLE with what can be reached; VAULT_INTEGRITY, VAULT_DENIED,
 * VAULT_UNAVAILABLE
 */
export async function planRecovery(
  reader: WalReader,
  all: readonly PhysicalManifest[],
  goal: RecoveryGoal,
  named: PhysicalManifest | undefined,
  programs: ServerPrograms,
): Promise<RecoveryPlan> {
  for (let looks = 1; ; looks += 1) {
    const path = await readRecoveryPath(reader, all, goal, named);
    try {
      return await planAlong(reader, path, { goal, named, programs });
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'TARGET_UNREACHABLE' || looks === LOOKS || !mayBeFilled(path)) throw error;
    }
    const { signal } = reader;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** Whether the last gap may be no more than what is on its way. */
function mayBeFilled({ window, catalog }: RecoveryPath): boolean {
  const gap = window.gaps.at(-1);
  if (gap === undefined) return false;
  const number = segmentAt(gap.to, catalog.segmentBytes);
  const behind = catalog.timelines.find(({ timeline }) => timeline === gap.timeline);
  const [first] = behind?.increments.get(number) ?? [];
  return isJustStored((behind?.segments.get(number) ?? first)?.lastModified);
}

interface PlanOptions {
  readonly goal: RecoveryGoal;
  readonly named: PhysicalManifest | undefined;
  readonly programs: ServerPrograms;
}

async function planAlong(
  reader: WalReader,
  path: RecoveryPath,
  { goal, named, programs }: PlanOptions,
): Promise<RecoveryPlan> {
  const candidates = path.bases.filter(({ label }) => named === undefined || label === named.label);
  let tooLate: BaseTooLate | undefined;
  for (const base of candidates.toReversed()) {
    const reach = reachOf(path, base);
    try {
      const reached = await reachTarget(reader, path, { base, reach, goal, programs });
      const segments = segmentsFrom(path, base, reach);
      const endsAtGap = reached.goal.target.is !== 'latest' && hasGapAfter(path, reach);
      return { ...reached, members: membersOf(base, path), reach, endsAtGap, segments };
    } catch (error) {
      if (!(error instanceof BaseTooLate)) throw error;
      tooLate = error;
    }
  }
  if (tooLate !== undefined && named !== undefined) throw notFrom(path, goal, named);
  throw unreachable(path, goal, tooLate?.message ?? notUsable(path, named));
}

/** Of one backup that was named; the range is that of all. */
function notFrom(path: RecoveryPath, goal: RecoveryGoal, named: PhysicalManifest): HoldfastError {
  const { label, stop } = named;
  const older = path.bases.some((base) => parseLsn(base.stop.lsn) < parseLsn(stop.lsn));
  return unreachable(
    path,
    goal,
    `it is not in what follows the end of ${label}, at ${stop.at} (${stop.lsn})`,
    older ? 'Leave out --label, and an older backup is tried, too.' : undefined,
  );
}

function notUsable({ window }: RecoveryPath, named: PhysicalManifest | undefined): string {
  const found = window.unusable.find(({ label }) => label === named?.label);
  return found === undefined ? 'there is no base backup for it' : `of ${found.label}, ${found.why}`;
}

/** How far WAL leads from a backup's end on. */
function reachOf({ ranges }: RecoveryPath, { stop }: PhysicalManifest): bigint {
  return reachFrom(ranges, parseLsn(stop.lsn));
}

function membersOf(base: PhysicalManifest, { all }: RecoveryPath): PhysicalManifest[] {
  // Those that lack one are not among the usable.
  const parents = base.chain.map((label) => all.find((one) => one.label === label));
  return [...parents.filter((one) => one !== undefined), base];
}

function segmentsFrom(path: RecoveryPath, { start }: PhysicalManifest, reach: bigint): string[] {
  return segmentsAlong(path.catalog, path.path, parseLsn(start.lsn))
    .filter((segment) => segment.start < reach)
    .map(({ name }) => name);
}
