import { type Finding, finding } from '../../contract/findings.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { segmentName } from '../../contract/wal-segments.ts';
import { eachAtOnce } from '../each-at-once.ts';
import { readArtifact } from '../fetch-artifact.ts';
import { findWalFile, readWalObject } from '../wal/fetch-wal.ts';
import type { WalCatalog } from '../wal/wal-catalog.ts';
import { aboutContent, BODIES_AT_ONCE, type Verification } from './verification.ts';

/** Something to be read to its end. */
interface Body {
  readonly about: Pick<Finding, 'label' | 'key'>;
  /** As it is stored. */
  readonly bytes: number;
  readonly read: () => AsyncIterable<Buffer>;
}

/**
 * Fetches, decrypts and hashes everything: what it says is that the bytes are those that were written. That a server comes up
 * on them only a restore tells.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function verifyContent(
  work: Verification,
  manifests: readonly Manifest[],
  catalog: WalCatalog | undefined,
): Promise<Finding[]> {
  const bodies = [
    ...manifests.flatMap((manifest) => bodiesOf(work, manifest)),
    ...(catalog === undefined ? [] : walBodies(work, catalog)),
  ];
  const total = bodies.reduce((sum, { bytes }) => sum + bytes, 0);
  const findings: Finding[] = [];
  let done = 0;
  await eachAtOnce(bodies, BODIES_AT_ONCE, async ({ about, bytes, read }) => {
    work.signal.throwIfAborted();
    try {
      for await (const _piece of read()) work.signal.throwIfAborted();
    } catch (error) {
      const found = aboutContent(error).message;
      findings.push(finding('CONTENT', { cluster: work.cluster, ...about, found }));
    }
    done += bytes;
    work.onProgress({ stage: 'read', done, total, unit: 'bytes' });
  });
  return findings;
}

function bodiesOf(work: Verification, manifest: Manifest): Body[] {
  return manifest.artifacts.map((artifact) => ({
    about: { label: manifest.label, key: artifact.key },
    bytes: artifact.cipher.bytes,
    read: () => readArtifact(work, manifest, artifact),
  }));
}

function walBodies(work: Verification, { timelines, segmentBytes }: WalCatalog): Body[] {
  return timelines.flatMap(({ timeline, history, segments, partials, increments }) => [
    ...[
      ...(history === undefined ? [] : [history]),
      ...segments.values(),
      ...partials.values(),
    ].map((object) => ({
      about: { key: object.key },
      bytes: object.bytes,
      read: () => readWalObject(work, object),
    })),
    ...[...increments].map(([number, pieces]) => {
      const name = segmentName({ timeline, number }, segmentBytes);
      return {
        about: { key: pieces[0]?.key ?? name },
        bytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0),
        read: () => openSegment(work, name),
      };
    }),
  ]);
}

/** Increments that do not begin at the segment's start are none, which the listing has told. */
async function* openSegment(work: Verification, name: string): AsyncGenerator<Buffer> {
  const file = await findWalFile(work, name);
  if (file !== undefined) yield* file.read();
}
