import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { planRecovery } from '../../../containers/runner/restore-physical/plan-recovery.ts';
import { reachTarget } from '../../../containers/runner/restore-physical/reach-target.ts';
import type { RecoveryPath } from '../../../containers/runner/restore-physical/recovery-path.ts';
import { readWalTail } from '../../../containers/runner/restore-physical/wal-tail.ts';
import { pathTo } from '../../../contract/wal-coverage.ts';
import { formatLsn, segmentName } from '../../../contract/wal-segments.ts';
import { readWalCatalog } from '../../../vault/wal/wal-catalog.ts';
import { examplePhysicalManifest } from '../../fixtures/example-physical-manifest.ts';
import { containerArguments, POSTGRES_IMAGE } from '../../local-cloud/servers/container.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { type RealVault, startRealVault } from '../../vault/real-vault.ts';
import { putIncrement, putIndexed, SEGMENT_BYTES } from '../../vault/wal/example-wal.ts';
import { HandmadeWal } from '../../vault/wal/handmade-wal.ts';

const FIRST = 4;

let run: Run;
let vault: RealVault;
let bin: string;
beforeAll(async () => {
  [run, vault] = await Promise.all([startRun(), startRealVault()]);
  bin = await mkdtemp(join(tmpdir(), 'holdfast-bin-'));
  await writeFile(join(bin, 'pg_waldump'), waldump());
  await chmod(join(bin, 'pg_waldump'), 0o755);
}, 60_000);
afterAll(async () => {
  await rm(bin, { recursive: true, force: true });
  await vault.stop();
  await run.stop();
});

/** The image's: this machine need not have one. */
function waldump(): string {
  const where = '"$(dirname "$1")"';
  const command = ['podman', ...containerArguments(run), `--volume ${where}:${where}:ro`];
  return [
    ...['#!/bin/sh', `export PATH='${process.env.PATH}' HOME='${process.env.HOME}'`],
    `exec ${command.join(' ')} ${POSTGRES_IMAGE} /usr/lib/postgresql/17/bin/pg_waldump "$@"`,
  ].join('\n');
}

function named(number: number, timeline = 1): string {
  return segmentName({ timeline, number }, SEGMENT_BYTES);
}

test.each([
  ['of one timeline', 1],
  ['of two timelines', 2],
])(
  'a commit whose record begins in one of the last two segments, %s, and ends in the other stops a recovery to a time',
  async (_, timeline) => {
    const cluster = `spanned-${timeline}`;
    const [first, last] = ['2026-11-20T04:00:01Z', '2026-11-20T04:00:05.000900Z'];
    const wal = new HandmadeWal(FIRST, 2);
    const next = new HandmadeWal(FIRST, 2, timeline);
    const [spanning, point] = [wal, next].flatMap((one) => {
      one.commit(700, new Date(first));
      one.fillUpTo(0, 16);
      return [one.commit(701, last), one.restorePoint('here', new Date(last))];
    }) as [bigint, bigint];
    const reach = wal.end;
    expect(spanning).toBe(wal.start + BigInt(SEGMENT_BYTES - 16));
    // The index is of records that end in the segment: the commit is in neither.
    const index = { commits: 1, firstCommitAt: first, lastCommitAt: first };
    await putIndexed(vault, cluster, named(FIRST), index, wal.segment(0));
    const open = Number(reach - wal.start) - SEGMENT_BYTES;
    await putIncrement(vault, cluster, named(FIRST + 1, timeline), [0, open], next.segment(1), {
      metadata: { 'complete-until': '2026-11-20T04:00:07.000000Z' },
    });

    const catalog = await readWalCatalog(vault, cluster, { segmentBytes: SEGMENT_BYTES });
    // Left right behind the commit.
    const left = { timeline: 1, switchLsn: point, reason: '' };
    const steps = pathTo(timeline, timeline === 1 ? [] : [left]);
    const path = { timeline, path: steps, catalog } as unknown as RecoveryPath;
    const reader = { vault, dataKeys: vault.dataKeys, cluster };
    const programs = { directory: bin, major: 17, version: '17' };
    expect(await readWalTail(reader, path, reach, programs)).toMatchObject({
      lastRecord: formatLsn(point),
      ends: [{ xid: 700 }, { xid: 701, lsn: formatLsn(spanning), commits: true }],
      restorePoints: [{ name: 'here', lsn: formatLsn(point) }],
    });

    const at = '2026-11-20T04:00:00Z';
    const stop = { lsn: formatLsn(wal.start), timeline: 1, at };
    const base = examplePhysicalManifest({ start: stop, stop });
    const to = async (text: string, inclusive = true) => {
      const target = { is: 'time' as const, at: new Date(text), text };
      const goal = { target, inclusive, timeline: 'latest' as const, action: 'promote' as const };
      const reached = await reachTarget(reader, path, { base, reach, goal, programs });
      expect(reached.warnings).toEqual([]);
      return reached.goal.target;
    };
    // Not up to the last record, which comes after that commit: also where only a microsecond lies between.
    const atLast = { is: 'lsn', lsn: formatLsn(point) };
    for (const [text, inclusive] of [
      ['2026-11-20T04:00:04Z', true],
      ['2026-11-20T04:00:05.000899Z', true],
      [last, false],
    ] as const) {
      expect(await to(text, inclusive), text).toMatchObject({ is: 'time', text });
    }
    expect(await to(last)).toEqual(atLast);
    expect(await to('2026-11-20T04:00:05.000901Z', false)).toEqual(atLast);
  },
);

test('a segment that is overtaken on its way into the vault is looked for again', async () => {
  const cluster = 'overtaken';
  const names = [0, 1, 2].map((more) => named(FIRST + more));
  const [first = '', late = '', last = ''] = names;
  for (const name of [first, last]) await putIndexed(vault, cluster, name);
  let listings = 0;
  const send = async (command: { input: { Prefix?: string } }) => {
    const { Prefix = '' } = command.input;
    if (Prefix.endsWith('/wal/')) listings += 1;
    if (listings === 2 && Prefix.endsWith('/wal/')) await putIndexed(vault, cluster, late);
    return await vault.s3.send(command as never);
  };
  const reader = { vault: { ...vault, s3: { send } as never }, dataKeys: vault.dataKeys, cluster };
  const at = { lsn: formatLsn(BigInt(FIRST * SEGMENT_BYTES)), timeline: 1, at: 'then' };
  const example = examplePhysicalManifest({ start: at, stop: at, chain: [], damage: [] });
  const server = { ...example.server, walSegmentBytes: SEGMENT_BYTES };
  const goal = {
    target: { is: 'latest' as const },
    ...{ inclusive: true, timeline: 'latest' as const, action: 'promote' as const },
  };
  const programs = { directory: bin, major: 17, version: '17' };
  const all = [{ ...example, server }];
  const plan = await planRecovery(reader, all, goal, undefined, programs);
  expect(plan.segments).toEqual(names);
  expect(listings).toBe(2);
});

test('of a transaction an index says no more than between which ids it is: the segment itself is read', async () => {
  const cluster = 'between';
  const at = '2026-11-20T04:00:01Z';
  const wal = new HandmadeWal(FIRST, 2);
  wal.commit(600, new Date(at));
  const stop = { lsn: formatLsn(wal.end), timeline: 1, at };
  // It lasted longer than the others, which the backup has.
  wal.commit(500, new Date(at));
  wal.fillUpTo(0, 16);
  wal.commit(700, new Date(at));
  wal.fillUpTo(1, 0);
  const index = { commits: 2, firstCommitAt: at, lastCommitAt: at, lastCommitLsn: '0/400100' };
  const indexes = [
    { ...index, xids: [500, 600] },
    { ...index, xids: [700, 800] },
  ] as const;
  for (const [number, one] of indexes.entries()) {
    const name = named(FIRST + number);
    await putIndexed(vault, cluster, name, { ...one, xids: [...one.xids] }, wal.segment(number));
  }
  const catalog = await readWalCatalog(vault, cluster, { segmentBytes: SEGMENT_BYTES });
  const ranges = catalog.timelines[0]?.ranges ?? [];
  const path = { timeline: 1, path: pathTo(1, []), catalog, ranges } as unknown as RecoveryPath;
  const reader = { vault, dataKeys: vault.dataKeys, cluster };
  const programs = { directory: bin, major: 17, version: '17' };
  const reach = wal.start + 2n * BigInt(SEGMENT_BYTES);
  const base = examplePhysicalManifest({ start: { ...stop, lsn: formatLsn(wal.start) }, stop });
  const to = async (xid: string) => {
    const target = { is: 'xid' as const, xid };
    const goal = {
      target,
      inclusive: true,
      timeline: 'latest' as const,
      action: 'promote' as const,
    };
    return await reachTarget(reader, path, { base, reach, goal, programs });
  };
  for (const xid of ['500', '700']) expect((await to(xid)).warnings).toEqual([]);
  await expect(to('600')).rejects.toThrow('no base backup ends before it');
  // Of a subtransaction, too, nothing is there that recovery stops at.
  for (const xid of ['550', '750']) await expect(to(xid)).rejects.toThrow('holds it');
});
