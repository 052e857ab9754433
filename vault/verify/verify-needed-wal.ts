import { type Finding, finding } from '../../contract/findings.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { rangesAlong, timelineAt } from '../../contract/recovery-window.ts';
import { pathTo, reachFrom } from '../../contract/wal-coverage.ts';
import { formatLsn, parseLsn, segmentAt, segmentName } from '../../contract/wal-segments.ts';
import { readTimelineHistory } from '../wal/read-history.ts';
import { readWalCatalog, type WalCatalog } from '../wal/wal-catalog.ts';
import { aboutContent, type Verification } from './verification.ts';
import { objectsOf, type VerifiedWal, verifyHeads } from './verify-wal.ts';

/**
 * Looks at the WAL that makes some backups consistent, where it lies in the archive and not in their own
 * `pg_wal.tar`: that it hangs together from each one's start to its end, and that each object is what it should be and locked.
 *
 * @returns `undefined` where each of them holds its own.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function verifyNeededWal(
  work: Verification,
  bases: readonly PhysicalManifest[],
): Promise<VerifiedWal | undefined> {
  const archived = bases.filter(({ wal }) => wal === 'archive');
  const newest = archived.at(-1);
  if (newest === undefined) return undefined;
  const { vault, cluster, signal } = work;
  const catalog = await readWalCatalog(vault, cluster, {
    segmentBytes: newest.server.walSegmentBytes,
    timelines: timelinesOf(archived),
    signal,
  });
  const findings: Finding[] = [];
  for (const base of archived) findings.push(...(await verifyReach(work, base, catalog)));
  const needed = neededOf(catalog, archived);
  const objects = needed.timelines.flatMap(objectsOf);
  const heads = await verifyHeads(work, objects, archived, needed);
  const bytes = objects.reduce((total, object) => total + object.bytes, 0);
  return { catalog: needed, objects: objects.length, bytes, findings: [...findings, ...heads] };
}

async function verifyReach(
  work: Verification,
  { label, start, stop }: PhysicalManifest,
  { cluster, timelines, segmentBytes }: WalCatalog,
): Promise<Finding[]> {
  const history = await readTimelineHistory(work, stop.timeline).catch(aboutContent);
  if (history instanceof Error) {
    return [finding('WAL_HISTORY', { cluster, label, found: history.message })];
  }
  // Without it, the backup's own timeline has to hold all of it.
  const path = pathTo(stop.timeline, history ?? []);
  const ranges = rangesAlong(path, timelines, segmentBytes);
  const reach = reachFrom(ranges, parseLsn(start.lsn));
  if (reach >= parseLsn(stop.lsn)) return [];
  const place = { timeline: timelineAt(path, reach), number: segmentAt(reach, segmentBytes) };
  const missing = `${formatLsn(reach)} on, in ${segmentName(place, segmentBytes)}`;
  const found = `of the WAL that makes it consistent, ${start.lsn} to ${stop.lsn}, the archive lacks what comes from ${missing}`;
  return [finding('BASE_UNUSABLE', { cluster, label, found })];
}

/** Ascending, with those between a backup's first and last. */
function timelinesOf(bases: readonly PhysicalManifest[]): number[] {
  const all = new Set<number>();
  for (const { start, stop } of bases) {
    for (let one = start.timeline; one <= stop.timeline; one += 1) all.add(one);
  }
  return [...all].sort((a, b) => a - b);
}

/** What of the archive the backups need. */
function neededOf(catalog: WalCatalog, bases: readonly PhysicalManifest[]): WalCatalog {
  const { segmentBytes } = catalog;
  const spans = bases.map(({ start, stop }) => ({
    first: segmentAt(parseLsn(start.lsn), segmentBytes),
    last: segmentAt(parseLsn(stop.lsn) - 1n, segmentBytes),
    timelines: [start.timeline, stop.timeline] as const,
  }));
  return {
    ...catalog,
    timelines: catalog.timelines.map((one) => {
      const of = <T>(found: ReadonlyMap<number, T>): Map<number, T> =>
        new Map([...found].filter(([number]) => spans.some(holds(one.timeline, number))));
      const { segments, increments } = one;
      return {
        ...{ ...one, partials: new Map() },
        ...{ segments: of(segments), increments: of(increments) },
      };
    }),
  };
}

function holds(timeline: number, number: number) {
  return (span: {
    readonly first: number;
    readonly last: number;
    readonly timelines: readonly [number, number];
  }): boolean => {
    const [from, to] = span.timelines;
    return from <= timeline && timeline <= to && span.first <= number && number <= span.last;
  };
}
