import { HoldfastError } from '../../../contract/errors.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import {
  type RecoveryWindow,
  rangesAlong,
  recoveryWindow,
} from '../../../contract/recovery-window.ts';
import { type PathStep, pathTo, type WalRange } from '../../../contract/wal-coverage.ts';
import { formatLsn, historyName, parseLsn } from '../../../contract/wal-segments.ts';
import type { WalReader } from '../../../vault/wal/fetch-wal.ts';
import { readTimelineHistory } from '../../../vault/wal/read-history.ts';
import { readWalCatalog, type WalCatalog } from '../../../vault/wal/wal-catalog.ts';
import type { RecoveryGoal } from './recovery-target.ts';

/** What there is to recover along one timeline with its ancestors. */
export interface RecoveryPath {
  readonly timeline: number;
  readonly path: readonly PathStep[];
  readonly catalog: WalCatalog;
  /** WAL along the path. */
  readonly ranges: readonly WalRange[];
  readonly window: RecoveryWindow;
  /** Backups that recovery along the path can begin with, by their end, oldest first. */
  readonly bases: readonly PhysicalManifest[];
  readonly all: readonly PhysicalManifest[];
}

/**
 * Reads along which timelines recovery would go, what WAL of them the vault has, and where it can begin.
 *
 * @param all the cluster's physical backups.
 * @param named the one that must be used, damaged or not.
 * @throws HoldfastError TARGET_UNREACHABLE, VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readRecoveryPath(
  reader: WalReader,
  all: readonly PhysicalManifest[],
  goal: Pick<RecoveryGoal, 'timeline'>,
  named: PhysicalManifest | undefined,
): Promise<RecoveryPath> {
  const newest = named ?? all.toSorted((a, b) => (a.label < b.label ? -1 : 1)).at(-1);
  const catalog = await readWalCatalog(reader.vault, reader.cluster, {
    segmentBytes: newest?.server.walSegmentBytes,
    signal: reader.signal,
  });
  const timeline = timelineOf(goal.timeline, catalog, newest);
  const history = await readTimelineHistory(reader, timeline);
  if (history === undefined && newest?.stop.timeline !== timeline) {
    throw new HoldfastError(
      'TARGET_UNREACHABLE',
      `Timeline ${timeline} cannot be recovered along: the vault has no ${historyName(timeline)}.`,
      { hint: 'Give --target-timeline current, or the number of another one.' },
    );
  }
  const path = pathTo(timeline, history ?? []);
  // A server made anew under the same name is another one.
  const ours = all.filter(
    ({ source }) => source.systemIdentifier === newest?.source.systemIdentifier,
  );
  const clean = ours.map((one) => (one.label === named?.label ? { ...one, damage: [] } : one));
  const { timelines, segmentBytes } = catalog;
  const window = recoveryWindow(path, timelines, clean, segmentBytes);
  const unusable = new Set(window.unusable.map(({ label }) => label));
  const ranges = rangesAlong(path, timelines, segmentBytes);
  const bases = ours.filter(({ label }) => !unusable.has(label)).toSorted(byStop);
  return { timeline, path, catalog, ranges, window, bases, all: ours };
}

/** In words: from where to where there is no gap. */
export function describeRange({ window }: Pick<RecoveryPath, 'window'>): string {
  const { spans, unusable } = window;
  if (spans.length === 0) {
    const why = unusable.map((one) => `${one.label}: ${one.why}`).join('; ');
    return `There is no base backup to begin with${why === '' ? '' : ` (${why})`}.`;
  }
  const words = spans.map(
    ({ from, to }) => `from ${from.at} (${formatLsn(from.lsn)}) to ${formatLsn(to.lsn)}`,
  );
  return `What can be reached: ${words.join(', and ')}.`;
}

function timelineOf(
  wanted: RecoveryGoal['timeline'],
  catalog: WalCatalog,
  newest: PhysicalManifest | undefined,
): number {
  if (typeof wanted === 'number') return wanted;
  const own = newest?.stop.timeline ?? 1;
  if (wanted === 'current') return own;
  return Math.max(own, ...catalog.timelines.map(({ timeline }) => timeline));
}

function byStop(a: PhysicalManifest, b: PhysicalManifest): number {
  const [x, y] = [parseLsn(a.stop.lsn), parseLsn(b.stop.lsn)];
  if (x !== y) return x < y ? -1 : 1;
  return a.label < b.label ? -1 : 1;
}
