import { Chains } from '../../contract/chains.ts';
import { type Finding, finding } from '../../contract/findings.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { parseLsn, segmentAt, segmentName } from '../../contract/wal-segments.ts';
import { eachAtOnce } from '../each-at-once.ts';
import type { ListedObject } from '../listed-objects.ts';
import { readRecoveryWindow } from '../wal/recovery-window.ts';
import type { WalCatalog, WalTimeline } from '../wal/wal-catalog.ts';
import { headWal } from '../wal/wal-head.ts';
import { lockFindings, readLock } from './object-lock.ts';
import {
  AT_ONCE,
  aboutContent,
  tracesOn,
  type Verification,
  type Verified,
} from './verification.ts';

export interface VerifiedWal extends Verified {
  readonly catalog: WalCatalog | undefined;
}

/**
 * Looks at a cluster's WAL from listings and heads alone: whether it hangs together from the oldest base
 * backup on, and whether each object is what it should be and locked.
 *
 * @param bases its physical backups, all of them.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function verifyWal(
  work: Verification,
  bases: readonly PhysicalManifest[],
): Promise<VerifiedWal> {
  const { cluster } = work;
  const window = await readRecoveryWindow(work, bases).catch((error: unknown) => {
    const found = aboutContent(error).message;
    return finding('WAL_HISTORY', { cluster, found });
  });
  if ('code' in window) return { catalog: undefined, objects: 0, bytes: 0, findings: [window] };
  const { catalog, gaps, unusable, warnings, path } = window;
  const findings: Finding[] = gaps.map(({ first, last, segments, timeline }) =>
    finding('WAL_GAP', {
      cluster,
      found: `${segments} of timeline ${timeline}, from ${first} to ${last}, are missing or incomplete`,
    }),
  );
  const chains = new Chains(bases);
  for (const { label, why } of unusable) {
    const base = bases.find((one) => one.label === label);
    // Told with its pages or with its chain.
    if (base === undefined || base.damage.length > 0 || chains.problemsOf(base).length > 0)
      continue;
    findings.push(finding('BASE_UNUSABLE', { cluster, label, found: why }));
  }
  const newest = path.at(-1)?.timeline ?? 1;
  for (const found of warnings) {
    const isHistory = found.includes('.history is not in the vault');
    findings.push(finding(isHistory ? 'WAL_HISTORY' : 'KEY_UNKNOWN', { cluster, found }));
  }
  if (catalog.timelines.length > 0 && bases.length === 0) {
    const found = `its WAL reaches to timeline ${newest}, and recovery has nothing to begin with: take a full base backup (holdfast backup --cluster ${cluster} --kind physical)`;
    findings.push(finding('WAL_WITHOUT_BASE', { cluster, found }));
  }
  const objects = catalog.timelines.flatMap(objectsOf);
  const heads = await verifyHeads(work, objects, bases, catalog);
  const bytes = objects.reduce((total, object) => total + object.bytes, 0);
  return { catalog, objects: objects.length, bytes, findings: [...findings, ...heads] };
}

/** Whole segments, partial ones, increments of segments that are not whole, and the history. */
export function objectsOf(timeline: WalTimeline): ListedObject[] {
  return [
    ...(timeline.history === undefined ? [] : [timeline.history]),
    ...timeline.segments.values(),
    ...timeline.partials.values(),
    ...[...timeline.increments.values()].flat(),
  ];
}

/**
 * What each object says of itself, and its lock.
 *
 * @param bases whose WAL it is.
 */
export async function verifyHeads(
  work: Verification,
  objects: readonly ListedObject[],
  bases: readonly PhysicalManifest[],
  { cluster, segmentBytes, timelines }: WalCatalog,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const whole = new Set(
    timelines.flatMap((one) => [...one.segments.values()].map(({ key }) => key)),
  );
  const needs = neededBy(bases, segmentBytes);
  const system = bases.at(-1)?.source.systemIdentifier;
  let done = 0;
  await eachAtOnce(objects, AT_ONCE, async (object) => {
    work.signal.throwIfAborted();
    const { key } = object;
    const about = { cluster, key };
    for (const { code, found } of tracesOn(object))
      findings.push(finding(code, { ...about, found }));
    try {
      const { metadata, lock: told } = await headWal(work.vault, object);
      const lock = told.retainUntil === undefined ? await readLock(work.vault, object) : told;
      const theirs = metadata['system-identifier'];
      if (system !== undefined && theirs !== system) {
        const found = `it is of system ${theirs}, and the cluster's newest base backup of ${system}`;
        findings.push(finding('WAL_OBJECT', { ...about, found }));
      }
      if (whole.has(key) && metadata.bytes !== segmentBytes) {
        const found = `it holds ${metadata.bytes} bytes of a segment of ${segmentBytes}`;
        findings.push(finding('WAL_OBJECT', { ...about, found }));
      }
      const needed = needs.get(key.slice(key.lastIndexOf('/') + 1));
      findings.push(...lockFindings(lock, needed, about));
    } catch (error) {
      findings.push(finding('WAL_OBJECT', { ...about, found: aboutContent(error).message }));
    }
    done += 1;
    work.onProgress({ stage: 'check', done, total: objects.length, unit: 'objects' });
  });
  return findings;
}

/** Segments without which a base backup is none, by name, with the lock that the latest of them has. */
function neededBy(
  bases: readonly PhysicalManifest[],
  segmentBytes: number,
): Map<string, { readonly until: string; readonly by: string }> {
  const needs = new Map<string, { until: string; by: string }>();
  for (const { label, wal, start, stop, lock } of bases) {
    if (wal !== 'archive') continue;
    const last = segmentAt(parseLsn(stop.lsn) - 1n, segmentBytes);
    for (let number = segmentAt(parseLsn(start.lsn), segmentBytes); number <= last; number += 1) {
      const name = segmentName({ timeline: start.timeline, number }, segmentBytes);
      const before = needs.get(name);
      if (before === undefined || before.until < lock.retainUntil) {
        needs.set(name, { until: lock.retainUntil, by: `${label}, which needs it,` });
      }
    }
  }
  return needs;
}
