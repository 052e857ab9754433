import { afterAll, beforeAll, expect, test } from 'vitest';
import { microsecondsOf } from '../../../contract/microseconds.ts';
import { readRecoveryWindow } from '../../../vault/wal/recovery-window.ts';
import { findTarget, segmentsAlong } from '../../../vault/wal/segment-index.ts';
import { readWalCatalog } from '../../../vault/wal/wal-catalog.ts';
import {
  composeFile,
  composeIncrement,
  putHistory,
  putIncrement,
  putSegment,
} from '../../../vault/wal/wal-writer.ts';
import { examplePhysicalManifest } from '../../fixtures/example-physical-manifest.ts';
import { type RealVault, startRealVault } from '../real-vault.ts';
import { exampleSegment, putIndexed, putWal, SEGMENT_BYTES, SYSTEM } from './example-wal.ts';
import { walVault } from './real-wal.ts';

let vault: RealVault;
beforeAll(async () => {
  vault = await startRealVault();
}, 60_000);
afterAll(() => vault.stop());

function base(stop: string, timeline = 1, system = SYSTEM) {
  const example = examplePhysicalManifest();
  const at = '2026-11-20T04:00:00Z';
  return examplePhysicalManifest({
    start: { lsn: stop, timeline, at },
    stop: { lsn: stop, timeline, at },
    source: { ...example.source, systemIdentifier: system },
    server: { ...example.server, walSegmentBytes: SEGMENT_BYTES },
  });
}

const ONE = [{ timeline: 1, until: undefined }];

function named(number: number, timeline = 1): string {
  return `0000000${timeline}000000000000000${number}`;
}

test("crosses a failover in mid-segment, as the streamer's writer leaves it", async () => {
  const ours = walVault(vault, { cluster: 'failover', systemIdentifier: SYSTEM });
  const write = async (name: string, switchAtPage = 0) => {
    const body = await composeFile(ours, name, exampleSegment(name, { switchAtPage }));
    await putSegment(ours, name, body);
  };
  await write(named(2));
  await write(named(3));
  const open = await composeIncrement(ours, exampleSegment(named(4)).subarray(0, 9000));
  await putIncrement(ours, named(4), 0, open);
  await putHistory(ours, '00000002.history', Buffer.from('1\t0/401000\tx\n'));
  await write(named(4, 2), 1);
  const reader = { vault, dataKeys: vault.dataKeys, cluster: 'failover' };
  const window = await readRecoveryWindow(reader, [base('0/280000')]);
  expect(window).toMatchObject({ gaps: [], unusable: [], warnings: [], lastCommit: null });
  expect(window.spans).toMatchObject([
    { from: { lsn: 0x28_0000n }, to: { lsn: 0x50_0000n, timeline: 2 } },
  ]);
  expect(Date.parse(window.storedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  const along = segmentsAlong(window.catalog, window.path, 0x28_0000n);
  expect(along.map(({ name }) => name)).toEqual([named(2), named(3), named(4, 2)]);
});

test('without its history nobody knows where a timeline comes from', async () => {
  await putWal(vault, 'lost', named(2), exampleSegment(named(2)));
  await putWal(vault, 'lost', named(4, 2), exampleSegment(named(4, 2)));
  const reader = { vault, dataKeys: vault.dataKeys, cluster: 'lost' };
  const window = await readRecoveryWindow(reader, [base('0/280000')]);
  expect(window.spans).toEqual([]);
  expect(window.warnings).toEqual([
    expect.stringContaining('00000002.history is not in the vault'),
  ]);
});

test('a base of another server leads to none of this WAL', async () => {
  await putWal(vault, 'stranger', named(2), exampleSegment(named(2)));
  const reader = { vault, dataKeys: vault.dataKeys, cluster: 'stranger' };
  const window = await readRecoveryWindow(reader, [base('0/280000', 1, '99')]);
  expect(window.spans).toEqual([]);
  expect(window.unusable[0]?.why).toContain(`is of system ${SYSTEM}, and it is of 99`);
});

test('finds where a recovery would stop, also when a clock was set back', async () => {
  const cluster = 'targets';
  const at = (second: number) => `2026-11-20T04:00:0${second}.000Z`;
  const commits = (first: number, last: number, lsn: string) => ({
    ...{ commits: 2, firstCommitAt: at(first), lastCommitAt: at(last), lastCommitLsn: lsn },
  });
  await putIndexed(vault, cluster, named(1), { ...commits(1, 2, '0/1F0000'), xids: [700, 710] });
  // Quiet, but for a point that somebody named.
  await putIndexed(vault, cluster, named(2), {
    restorePoints: [{ name: 'before the deploy', lsn: '0/2000A0', at: at(2) }],
    moreRestorePoints: 1,
  });
  await putIndexed(vault, cluster, named(3), { ...commits(5, 8, '0/3F0000'), xids: [705, 720] });
  await putWal(vault, cluster, named(4), exampleSegment(named(4)));
  // The clock was set back: all that it says is earlier than what stands before.
  await putIndexed(vault, cluster, named(5), {
    ...commits(3, 4, '0/5F0000'),
    xids: [4_294_967_290, 12],
  });
  const catalog = await readWalCatalog(vault, cluster);
  const segments = segmentsAlong(catalog, ONE, 0x10_0000n);
  const reader = { vault, dataKeys: vault.dataKeys, cluster };
  const find = async (target: Parameters<typeof findTarget>[2], from = 0) => {
    const found = await findTarget(reader, segments.slice(from), target);
    const { segment, lsn, lastCommit, unindexed, incomplete } = found;
    return [segment?.number, lsn ?? lastCommit?.lsn, unindexed, incomplete];
  };
  const until = (second: number) => ({ time: microsecondsOf(at(second)), inclusive: true });
  expect(await find(until(1))).toEqual([1, undefined, 0, 0]);
  // At the last commit: before it, or before the next one.
  expect(await find({ ...until(2), inclusive: false })).toEqual([1, undefined, 0, 0]);
  // Between two commits: the next one stops it.
  expect(await find(until(2))).toEqual([3, '0/1F0000', 0, 1]);
  expect(await find(until(4))).toEqual([3, '0/1F0000', 0, 1]);
  // After the last of all.
  expect(await find(until(8))).toEqual([undefined, '0/5F0000', 1, 1]);
  expect(await find(until(3), 3)).toEqual([5, undefined, 1, 0]);
  expect(await find({ name: 'before the deploy' })).toEqual([2, '0/2000A0', 0, 0]);
  expect(await find({ name: 'nope' })).toEqual([undefined, '0/5F0000', 1, 1]);
  expect(await find({ xid: 704n })).toEqual([1, undefined, 0, 0]);
  expect(await find({ xid: 715n })).toEqual([3, '0/1F0000', 0, 1]);
  // With the epoch, and over the end of 32 bits.
  expect(await find({ xid: (1n << 32n) + 705n }, 1)).toEqual([3, undefined, 0, 1]);
  expect(await find({ xid: 5n })).toEqual([5, '0/3F0000', 1, 1]);
  expect(await find({ xid: 13n })).toEqual([undefined, '0/5F0000', 1, 1]);
  const window = await readRecoveryWindow(reader, [base('0/180000')]);
  expect(window.lastCommit).toEqual({ at: at(4), lsn: '0/5F0000' });
});
