import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { buildManifest } from '../../contract/manifest.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { manifestKey } from '../../contract/vault-keys.ts';
import { examplePhysicalManifest } from '../fixtures/example-physical-manifest.ts';
import { type RealVault, startRealVault } from '../vault/real-vault.ts';
import {
  exampleSegment,
  putIncrement,
  putIndexed,
  putWal,
  SEGMENT_BYTES,
  SYSTEM,
} from '../vault/wal/example-wal.ts';
import { testIo } from './test-io.ts';

const FULL = '20261120T040000Z-physical-full-8a4b0d';
const CHILD = '20261120T050000Z-physical-incremental-111111';
const LATER = '20261120T060000Z-physical-differential-222222';

let vault: RealVault;
beforeAll(async () => {
  vault = await startRealVault();
  await put('orders', FULL, '0/280000');
  await put('orders', CHILD, '0/680000', { type: 'incremental', chain: [FULL] });
  await putIndexed(vault, 'orders', named(2));
  await putWal(vault, 'orders', named(3), exampleSegment(named(3)));
  await putIndexed(vault, 'orders', named(6), {
    ...{ commits: 1, firstCommitAt: '2026-11-20T05:00:07Z' },
    ...{ lastCommitAt: '2026-11-20T05:00:07Z', lastCommitLsn: '0/6A0000' },
  });
  await putIncrement(vault, 'orders', named(7), [0, 9000], exampleSegment(named(7)), {
    metadata: { 'complete-until': '2026-11-20T05:00:09.123456Z' },
  });
  // Its parent is gone, and it is asked for as a differential.
  await put('broken', LATER, '0/280000', { type: 'differential', chain: [FULL] });
  await putIndexed(vault, 'bare', named(2));
}, 60_000);
afterAll(() => vault.stop());

function named(number: number): string {
  return `00000001000000000000000${number}`;
}

async function put(
  cluster: string,
  label: string,
  lsn: string,
  change: Partial<PhysicalManifest> = {},
): Promise<void> {
  const example = examplePhysicalManifest();
  const time = label.replace(/^(....)(..)(..)T(..)(..)(..)Z.*/, '$1-$2-$3T$4:$5:$6Z');
  const manifest = examplePhysicalManifest({
    ...{ label, cluster, startedAt: time, finishedAt: time },
    start: { lsn, timeline: 1, at: time },
    stop: { lsn, timeline: 1, at: time },
    source: { ...example.source, systemIdentifier: SYSTEM },
    server: { ...example.server, walSegmentBytes: SEGMENT_BYTES },
    ...change,
  });
  await vault.s3.send(
    new PutObjectCommand({
      ...{ Bucket: vault.bucket, Key: manifestKey(cluster, label) },
      Body: buildManifest(manifest),
    }),
  );
}

async function run(...argv: string[]) {
  const io = testIo(vault, {}, {}, { dataKeysFor: async () => vault.dataKeys });
  const status = await main(argv, io);
  return { status, out: io.out(), err: io.err() };
}

test('list shows what rests on what, and to which seconds a cluster can be brought', async () => {
  const { status, out, err } = await run('list', '--cluster', 'orders');
  expect(status, err).toBe(0);
  expect(out).toMatch(
    new RegExp(`^${FULL} +orders \\(not configured\\) +physical +full .* - +- +\\w`, 'm'),
  );
  expect(out).toMatch(new RegExp(`^${CHILD} .* physical +incremental .* +${FULL} +\\w`, 'm'));
  expect(out.slice(out.indexOf('\norders: ') + 1).split('\n')).toEqual([
    'orders: can be recovered to any second',
    '  from 2026-11-20 04:00:00Z (0/280000) to 0/400000 on timeline 1; 1 base backup',
    expect.stringMatching(
      /^ {2}from 2026-11-20 05:00:00Z \(0\/680000\) to 2026-11-20 05:00:08Z \(0\/702328 on timeline 1\), stored at \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ; last commit in a whole segment: 2026-11-20 05:00:07Z; 1 base backup$/,
    ),
    `  gap: 2 segments of WAL on timeline 1, ${named(4)} to ${named(5)}`,
    '',
  ]);
});

test('the same as JSON', async () => {
  const { clusters, backups } = JSON.parse(
    (await run('list', '--cluster', 'orders', '--json')).out,
  );
  expect(backups[1]).toMatchObject({ kind: 'physical', type: 'incremental', chain: [FULL] });
  expect(clusters).toMatchObject([
    {
      name: 'orders',
      recovery: {
        timeline: 1,
        spans: [
          { from: { lsn: '0/280000' }, to: { lsn: '0/400000', timeline: 1 }, bases: [FULL] },
          { from: { lsn: '0/680000' }, to: { lsn: '0/702328' }, bases: [CHILD] },
        ],
        gaps: [{ first: named(4), last: named(5), segments: 2, from: '0/400000', to: '0/600000' }],
        lastCommit: { at: '2026-11-20T05:00:07Z', lsn: '0/6A0000' },
        completeUntil: '2026-11-20T05:00:08.123456Z',
        unusable: [],
      },
    },
  ]);
});

test('list says why a cluster cannot be recovered', async () => {
  const { out, err } = await run('list', '--kind', 'physical');
  expect(out).toContain(
    'bare: cannot be recovered: it has WAL, and no base backup to begin with\n',
  );
  expect(out).toContain(
    `broken: no base backup of it can be restored\n  not with ${LATER}: it rests on ${FULL}, which is not in the vault\n`,
  );
  expect(err).toContain(`warning: broken, ${LATER}: PARENT_MISSING: ${FULL} is not in the vault`);
});

test('a kind that there is none of is told', async () => {
  const { out } = await run('list', '--kind', 'logical');
  expect(out).toBe('The vault holds no logical backup.\n');
});

test('a base backup that no WAL follows promises no second after it', async () => {
  await put('alone', FULL, '0/280000');
  const { out } = await run('list', '--cluster', 'alone');
  expect(out.slice(out.indexOf('\nalone: ') + 1)).toBe(
    `alone: can be recovered to the end of its base backup
  at 2026-11-20 04:00:00Z (0/280000), and no further: no WAL follows; 1 base backup
`,
  );
});

test('a span begins with a second that can be given as a target, and ends with no time at a gap', async () => {
  const at = '2026-11-20T04:00:00.444Z';
  await put('cut', FULL, '0/280000', { stop: { lsn: '0/280000', timeline: 1, at } });
  for (const number of [2, 5]) {
    await putWal(vault, 'cut', named(number), exampleSegment(named(number)));
  }
  const { out } = await run('list', '--cluster', 'cut');
  expect(out.slice(out.indexOf('\ncut: ') + 1)).toBe(
    `cut: can be recovered to any second
  from 2026-11-20 04:00:01Z (0/280000) to 0/300000 on timeline 1; 1 base backup
  gap: 2 segments of WAL on timeline 1, ${named(3)} to ${named(4)}
`,
  );
});

test('a logical restore of what has base backups alone says how to take one of these', async () => {
  const to = ['--database', 'shop', '--to', 'postgresql://u@h/'];
  const { err } = await run('restore', '--cluster', 'orders', ...to);
  expect(err).toContain('error BACKUP_UNKNOWN: The vault holds no logical backup');
  expect(err).toContain('hint: See what there is: holdfast list, or give --kind physical\n');
});

test('a newest base backup that cannot be read keeps nobody from the others, unless it is named', async () => {
  await put('forged', FULL, '0/280000');
  const newest = FULL.replace('2026', '2027');
  await vault.s3.send(
    new PutObjectCommand({
      Bucket: vault.bucket,
      Key: manifestKey('forged', newest),
      Body: '{"version": 99}',
    }),
  );
  const options = ['--kind', 'physical', '--cluster', 'forged', '--directory', '/nowhere/at/all'];
  const looking = [...options, '--pg-bin', '/nowhere'];
  const others = await run('restore', ...looking);
  expect(others.err).toContain('error CLIENT_MISSING');
  expect(others.err).toContain('is a manifest of version 99');
  const named = await run('restore', ...looking, '--label', newest);
  expect(named.err).toContain('error MANIFEST_INVALID');
});

test('what hinders the look at WAL hinders no list of backups', async () => {
  const io = testIo(vault, {}, {});
  // A timeline whose history cannot be decrypted with the keys that there are.
  await putWal(vault, 'sealed', '00000002.history', Buffer.from('1\t0/300000\tx\n'));
  await put('sealed', FULL, '0/280000');
  expect(await main(['list', '--cluster', 'sealed'], io)).toBe(0);
  expect(io.out()).toContain(FULL);
  expect(io.out()).toContain('sealed: whether it can be recovered to a point in time is not known');
  expect(io.err()).toContain('warning: sealed: The recovery window is not known: ');
});

test('show names a chain in both directions', async () => {
  const child = await run('show', CHILD, '--cluster', 'orders');
  expect(child.out).toMatch(new RegExp(`^Rests on: +${FULL}$`, 'm'));
  expect(child.out).toMatch(/^Rested on by: +nothing$/m);
  const full = await run('show', FULL, '--cluster', 'orders');
  expect(full.out).toMatch(/^Rests on: +nothing: it is a full one$/m);
  expect(full.out).toMatch(new RegExp(`^Rested on by: +${CHILD}$`, 'm'));
  const json = JSON.parse((await run('show', FULL, '--cluster', 'orders', '--json')).out);
  expect(json).toMatchObject({ manifest: { label: FULL }, children: [CHILD], warnings: [] });
  const orphan = await run('show', LATER, '--cluster', 'broken');
  expect(orphan.out).toContain(`PARENT_MISSING: ${FULL} is not in the vault`);
});
