import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { type RecoveryWindow, recoveryWindow } from '../../contract/recovery-window.ts';
import { pathTo } from '../../contract/wal-coverage.ts';
import {
  formatLsn,
  historyName,
  parseLsn,
  segmentAt,
  segmentName,
  segmentStart,
} from '../../contract/wal-segments.ts';
import { completeUntil } from './complete-until.ts';
import type { WalReader } from './fetch-wal.ts';
import { readTimelineHistory } from './read-history.ts';
import { lastCommitOf, readIndexes, segmentsAlong } from './segment-index.ts';
import { readWalCatalog, type WalCatalog } from './wal-catalog.ts';

/** Segments from the end on that are asked for the last commit: a server may be quiet for long. */
const COMMIT_SEARCH = 256;

export interface ClusterWindow extends RecoveryWindow {
  readonly catalog: WalCatalog;
  /** `null`: not known, because segments have no index, or there was no commit. */
  readonly lastCommit: { readonly at: string; readonly lsn: string | null } | null;
  /** When the newest WAL was written into the vault, by S3's clock; `null`: there is none. */
  readonly storedAt: string | null;
  /** Until when, by the server's clock, WAL up to its end is all that was committed; `null`: not known. */
  readonly completeUntil: string | null;
  readonly warnings: readonly string[];
}

/**
 * To which points a cluster can be brought, from the vault's listings, heads and history files.
 *
 * @param bases its physical backups, all of them.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readRecoveryWindow(
  reader: WalReader,
  bases: readonly PhysicalManifest[],
): Promise<ClusterWindow> {
  const { vault, cluster, signal } = reader;
  const newest = bases.toSorted((a, b) => (a.label < b.label ? -1 : 1)).at(-1);
  const segmentBytes = newest?.server.walSegmentBytes;
  const catalog = await readWalCatalog(vault, cluster, { segmentBytes, signal });
  const warnings = [...catalog.warnings];
  const timeline = Math.max(1, ...catalog.timelines.map((one) => one.timeline));
  const history = await readTimelineHistory(reader, timeline);
  if (history === undefined) {
    warnings.push(
      `${historyName(timeline)} is not in the vault: where timeline ${timeline} comes from is not known.`,
    );
  }
  const path = pathTo(timeline, history ?? []);
  const { ours, strangers } = await sameSystem(reader, catalog, bases);
  const window = recoveryWindow(path, catalog.timelines, ours, catalog.segmentBytes);
  const from = window.spans[0]?.from.lsn;
  const along = from === undefined ? [] : segmentsAlong(catalog, path, from);
  const to = window.spans.at(-1)?.to.lsn ?? 0n;
  return {
    ...window,
    completeUntil: (await completeUntil(vault, { path, catalog }, to)) ?? null,
    ...{ catalog, warnings, unusable: [...strangers, ...window.unusable] },
    lastCommit: (await lastCommitOf(vault, along, COMMIT_SEARCH)) ?? null,
    storedAt: storedAt(catalog),
  };
}

/** A server that was made anew under the same name has WAL of its own, to which older bases do not lead. */
async function sameSystem(
  { vault, signal }: WalReader,
  catalog: WalCatalog,
  bases: readonly PhysicalManifest[],
): Promise<{
  ours: readonly PhysicalManifest[];
  strangers: readonly { readonly label: string; readonly why: string }[];
}> {
  const places = bases.flatMap((base) => {
    const { timeline, lsn } = { ...base.stop, lsn: parseLsn(base.stop.lsn) };
    const number = segmentAt(lsn, catalog.segmentBytes);
    const listed = catalog.timelines.find((one) => one.timeline === timeline);
    const object = listed?.segments.get(number);
    const name = segmentName({ timeline, number }, catalog.segmentBytes);
    const start = segmentStart(number, catalog.segmentBytes);
    return object === undefined
      ? []
      : [{ base, segment: { name, timeline, number, start, object, before: undefined } }];
  });
  const systems = new Map<string, string>();
  let at = 0;
  const segments = places.map(({ segment }) => segment);
  for await (const { systemIdentifier } of readIndexes(vault, segments, signal)) {
    const place = places[at];
    if (place !== undefined) systems.set(place.base.label, systemIdentifier);
    at += 1;
  }
  const isOurs = ({ label, source }: PhysicalManifest) =>
    (systems.get(label) ?? source.systemIdentifier) === source.systemIdentifier;
  return {
    ours: bases.filter(isOurs),
    strangers: bases
      .filter((base) => !isOurs(base))
      .map(({ label, source, stop }) => ({
        label,
        why: `the WAL at its end, ${formatLsn(parseLsn(stop.lsn))}, is of system ${systems.get(label)}, and it is of ${source.systemIdentifier}`,
      })),
  };
}

function storedAt({ timelines }: WalCatalog): string | null {
  const newest = timelines.findLast(({ ranges }) => ranges.length > 0);
  const times = [
    ...(newest?.segments.values() ?? []),
    ...[...(newest?.increments.values() ?? [])].flat(),
  ].map(({ lastModified }) => lastModified.getTime());
  const last = times.reduce((a, b) => Math.max(a, b), 0);
  return last === 0 ? null : new Date(last).toISOString();
}
