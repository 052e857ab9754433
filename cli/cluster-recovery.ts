import { HoldfastError } from '../contract/errors.ts';
import { formatLsn, parseLsn } from '../contract/wal-segments.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import { type ClusterWindow, readRecoveryWindow } from '../vault/wal/recovery-window.ts';
import { listWalTimelines } from '../vault/wal/wal-catalog.ts';
import { formatCount, formatInstant } from './format.ts';
import type { Io } from './io.ts';
import { physicalOf, type ReadBackup } from './read-backups.ts';
import { deniedBut, restoreRole } from './role-of-work.ts';

interface Point {
  readonly lsn: string;
  readonly timeline: number;
}

/** To which points a cluster can be brought, as `list --json` tells it. */
export interface RecoverySummary {
  /** Of the newest WAL; `null`: not known. */
  readonly timeline: number | null;
  readonly spans: readonly {
    /** The end of the oldest base backup. */
    readonly from: Point & { readonly at: string };
    readonly to: Point;
    readonly bases: readonly string[];
  }[];
  readonly gaps: readonly {
    readonly timeline: number;
    readonly from: string;
    readonly to: string;
    /** Names of segments. */
    readonly first: string;
    readonly last: string;
    readonly segments: number;
  }[];
  readonly lastCommit: { readonly at: string; readonly lsn: string | null } | null;
  readonly storedAt: string | null;
  readonly completeUntil: string | null;
  readonly unusable: readonly { readonly label: string; readonly why: string }[];
  readonly warnings: readonly string[];
}

/**
 * The recovery window of a cluster; `null` where there is neither a physical backup nor WAL. What stands
 * in the way of knowing it becomes a warning: backups are listed all the same.
 *
 * @throws HoldfastError VAULT_UNAVAILABLE
 */
export async function recoveryOf(
  vault: VaultReader,
  { environment, cluster }: { readonly environment: string; readonly cluster: string },
  read: readonly ReadBackup[],
  io: Io,
): Promise<RecoverySummary | null> {
  const bases = physicalOf(read, cluster);
  try {
    const timelines = await listWalTimelines(vault, cluster);
    if (timelines.length === 0 && bases.length === 0) return null;
    const dataKeys = await io.services.dataKeysFor(environment, cluster);
    const reader = { vault, dataKeys, cluster, signal: io.signal };
    return summaryOf(await readRecoveryWindow(reader, bases));
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === 'VAULT_UNAVAILABLE') throw error;
    const { code, message, hint } = deniedBut(restoreRole(environment), error);
    const more = code === 'VAULT_DENIED' ? ` ${hint}` : '';
    return { ...NOTHING, warnings: [`The recovery window is not known: ${message}${more}`] };
  }
}

const NOTHING: RecoverySummary = {
  ...{ timeline: null, spans: [], gaps: [], lastCommit: null, storedAt: null, completeUntil: null },
  ...{ unusable: [], warnings: [] },
};

export function summaryOf(window: ClusterWindow): RecoverySummary {
  const { spans, gaps, lastCommit, storedAt, completeUntil, unusable, warnings, path } = window;
  return {
    timeline: path.at(-1)?.timeline ?? null,
    spans: spans.map(({ from, to, bases }) => ({
      from: { ...from, lsn: formatLsn(from.lsn) },
      to: { ...to, lsn: formatLsn(to.lsn) },
      bases,
    })),
    gaps: gaps.map((gap) => ({ ...gap, from: formatLsn(gap.from), to: formatLsn(gap.to) })),
    ...{ lastCommit, storedAt, completeUntil, unusable, warnings },
  };
}

/** In words, a line for each span and gap. */
export function describeRecovery(cluster: string, recovery: RecoverySummary): string {
  const { spans, gaps, unusable } = recovery;
  const lines = [
    `${cluster}: ${verdict(recovery)}`,
    ...spans.map((span, at) => `  ${describeSpan(recovery, span, at)}`),
    ...gaps.map(
      ({ first, last, segments, timeline }) =>
        `  gap: ${formatCount(segments, 'segment')} of WAL on timeline ${timeline}, ${first === last ? first : `${first} to ${last}`}`,
    ),
    ...unusable.map(({ label, why }) => `  not with ${label}: ${why}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function verdict({ timeline, spans, storedAt }: RecoverySummary): string {
  if (timeline === null) return 'whether it can be recovered to a point in time is not known';
  if (spans.length > 0) {
    return spans.every(({ from, to }) => from.lsn === to.lsn)
      ? 'can be recovered to the end of its base backup'
      : 'can be recovered to any second';
  }
  return storedAt === null
    ? 'no base backup of it can be restored'
    : 'cannot be recovered: it has WAL, and no base backup to begin with';
}

function describeSpan(
  { spans, gaps, lastCommit, storedAt, completeUntil }: RecoverySummary,
  { from, to, bases }: RecoverySummary['spans'][number],
  at: number,
): string {
  // Rounded up: what is printed is given as --target-time, which must not lie before it.
  const point = `${formatInstant(wholeSecondFrom(from.at))} (${from.lsn})`;
  const begin = `from ${point}`;
  const count = formatCount(bases.length, 'base backup');
  if (from.lsn === to.lsn) return `at ${point}, and no further: no WAL follows; ${count}`;
  const end = `${to.lsn} on timeline ${to.timeline}`;
  const beforeGap = gaps.some((gap) => parseLsn(gap.from) >= parseLsn(to.lsn));
  if (at < spans.length - 1 || beforeGap) return `${begin} to ${end}; ${count}`;
  const commit = lastCommit === null ? 'not known' : formatInstant(lastCommit.at);
  const until = completeUntil === null ? end : `${formatInstant(completeUntil)} (${end})`;
  return `${begin} to ${until}, stored at ${formatInstant(storedAt)}; last commit in a whole segment: ${commit}; ${count}`;
}

function wholeSecondFrom(instant: string): string {
  return new Date(Math.ceil(Date.parse(instant) / 1000) * 1000).toISOString();
}
