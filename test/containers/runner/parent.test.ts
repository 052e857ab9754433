import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseParent, type ParentWanted } from '../../../containers/runner/physical/parent.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { artifactKey } from '../../../contract/vault-keys.ts';
import { parseLsn } from '../../../contract/wal-segments.ts';
import { writeManifest } from '../../../vault/commit.ts';
import { examplePhysicalManifest } from '../../fixtures/example-physical-manifest.ts';
import { CLUSTER, type RealVault, startRealVault } from '../../vault/real-vault.ts';

const NOW = new Date('2026-11-21T12:00:00.000Z');
const DAY_MS = 24 * 60 * 60 * 1000;

let vault: RealVault;
let cases = 0;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

type Change = Partial<PhysicalManifest>;

/** Puts backups into a cluster of their own, oldest first, and chooses among them. */
async function choose(backups: readonly Change[], more: Partial<ParentWanted> = {}) {
  cases += 1;
  const cluster = `${CLUSTER}-${cases}`;
  const labels: string[] = [];
  for (const [index, change] of backups.entries()) {
    labels.push(await put(cluster, index, change, labels));
  }
  const { source, server } = examplePhysicalManifest();
  const found = await chooseParent({
    vault,
    cluster,
    type: 'incremental',
    systemIdentifier: source.systemIdentifier,
    timeline: source.timeline,
    history: [],
    dataChecksums: server.dataChecksums,
    lockMode: 'COMPLIANCE',
    maxChainLength: 3,
    now: NOW,
    ...more,
  });
  const chain = 'why' in found ? undefined : found.members.map(({ manifest }) => manifest.label);
  return { chain, why: 'why' in found ? found.why : undefined, labels };
}

async function put(
  cluster: string,
  index: number,
  change: Change,
  before: readonly string[],
): Promise<string> {
  const type = change.type ?? 'full';
  const label = `20261120T04000${index}Z-physical-${type}-8a4b0d`;
  const example = examplePhysicalManifest();
  const artifacts = await Promise.all(
    example.artifacts.map(async (artifact) => {
      const Key = artifactKey(cluster, label, artifact.name);
      const Body = Buffer.alloc(artifact.cipher.bytes);
      const put = new PutObjectCommand({ Bucket: vault.bucket, Key, Body });
      const { VersionId = '' } = await vault.s3.send(put);
      return { ...artifact, key: Key, versionId: VersionId };
    }),
  );
  const manifest = examplePhysicalManifest({
    ...{ cluster, label, artifacts },
    request: { ...example.request, cluster, label },
    lock: { mode: 'COMPLIANCE', retainUntil: new Date(NOW.getTime() + 7 * DAY_MS).toISOString() },
    chain: type === 'full' ? [] : [...before],
    ...change,
  });
  await writeManifest({ ...vault.backup(label), cluster }, manifest);
  return label;
}

const INCREMENTAL = { type: 'incremental' } as const;

describe('an incremental backup rests', () => {
  test('on the last one, with all that it rests on', async () => {
    const { chain, labels } = await choose([{}, INCREMENTAL]);
    expect(chain).toEqual(labels);
  });

  test('on the last but one where the last is damaged, or of another system', async () => {
    const damaged = { damage: [{ file: 'base/5/1', found: 'block 0' }] };
    const { source } = examplePhysicalManifest();
    const foreign = { source: { ...source, systemIdentifier: '1' } };
    for (const last of [damaged, foreign]) {
      const { chain, labels } = await choose([{}, last]);
      expect(chain).toEqual(labels.slice(0, 1));
    }
  });

  test('on nothing where nothing fits, and says why', async () => {
    expect((await choose([])).why).toBe('there is no base backup to rest on');
    const damaged = await choose([{ damage: [{ file: 'base/5/1', found: 'block 0' }] }]);
    expect(damaged.why).toBe(`${damaged.labels[0]} is damaged`);
    const foreign = await choose([{}], { systemIdentifier: '1' });
    expect(foreign.why).toContain('is of another database system');
    const ahead = await choose([
      { stop: { lsn: '0/3000158', timeline: 2, at: '2026-11-20T04:00:09.000Z' } },
    ]);
    expect(ahead.why).toContain('ends on timeline 2, and the server is on 1');
    const switched = (switchLsn: string) => ({
      timeline: 2,
      history: [{ timeline: 1, switchLsn: parseLsn(switchLsn), reason: 'x' }],
    });
    const stop = { lsn: '0/3000158', timeline: 1, at: '2026-11-20T04:00:09.000Z' };
    const givenUp = await choose([{ stop }], switched('0/3000157'));
    expect(givenUp.why).toBe(
      `${givenUp.labels[0]} ends at 0/3000158 on timeline 1, which the server left at 0/3000157`,
    );
    expect((await choose([{ stop }], switched('0/3000158'))).chain).toHaveLength(1);
    const elsewhere = await choose([{ stop }], { timeline: 2 });
    expect(elsewhere.why).toContain('on timeline 1, which the server has never been on');
    const { server } = examplePhysicalManifest();
    const enabled = await choose([{ server: { ...server, dataChecksums: false } }], {
      dataChecksums: true,
    });
    expect(enabled.why).toBe(
      `${enabled.labels[0]} was taken with data checksums off, and they are on`,
    );
    const governed = await choose([{}], { lockMode: 'GOVERNANCE' });
    expect(governed.why).toBe(
      `${governed.labels[0]} is locked in COMPLIANCE mode, and new backups are in GOVERNANCE mode`,
    );
  });

  test('on no chain that is long enough, and on the longest that is not', async () => {
    const longest = await choose([{}, INCREMENTAL, INCREMENTAL]);
    expect(longest.chain).toEqual(longest.labels);
    const { why } = await choose([{}, INCREMENTAL, INCREMENTAL, INCREMENTAL]);
    expect(why).toContain('no chain is longer than 3');
  });

  test('on nothing whose lock ends before it is extended', async () => {
    const lock = (after: number): Change => ({
      lock: { mode: 'COMPLIANCE', retainUntil: new Date(NOW.getTime() + after).toISOString() },
    });
    expect((await choose([lock(DAY_MS - 1)])).why).toContain('the lock of');
    expect((await choose([lock(DAY_MS)])).chain).toHaveLength(1);
  });

  test('on nothing of which anything is missing', async () => {
    const { artifacts } = examplePhysicalManifest();
    const lost = await choose([{ artifacts }]);
    expect(lost.why).toContain('is missing from the vault');
    const gone = await choose([
      { ...INCREMENTAL, chain: ['20261119T040000Z-physical-full-8a4b0d'] },
    ]);
    expect(gone.why).toContain('20261119T040000Z-physical-full-8a4b0d, which');
  });
});

test('a differential backup rests on the last full one, whatever came after it', async () => {
  const { chain, labels } = await choose([{}, {}, INCREMENTAL], { type: 'differential' });
  expect(chain).toEqual(labels.slice(1, 2));
  const none = await choose([INCREMENTAL], { type: 'differential' });
  expect(none.why).toContain('is no full backup');
});
