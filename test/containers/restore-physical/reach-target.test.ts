import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

const CLUSTER = 'spanned';
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

function named(number: number): string {
  return segmentName({ timeline: 1, number }, SEGMENT_BYTES);
}

test('a commit whose record begins in one of the last two segments and ends in the other stops a recovery to a time', async () => {
  const [first, last] = ['2026-11-20T04:00:01Z', '2026-11-20T04:00:05.000900Z'];
  const wal = new HandmadeWal(FIRST, 2);
  wal.commit(700, new Date(first));
  wal.fillUpTo(0, 16);
  const spanning = wal.commit(701, last);
  const point = wal.restorePoint('here', new Date(last));
  const reach = wal.end;
  expect(spanning).toBe(wal.start + BigInt(SEGMENT_BYTES - 16));
  // The index is of records that end in the segment: the commit is in neither.
  const index = { commits: 1, firstCommitAt: first, lastCommitAt: first };
  await putIndexed(vault, CLUSTER, named(FIRST), index, wal.segment(0));
  const open = Number(reach - wal.start) - SEGMENT_BYTES;
  await putIncrement(vault, CLUSTER, named(FIRST + 1), [0, open], wal.segment(1), {
    metadata: { 'complete-until': '2026-11-20T04:00:07.000000Z' },
  });

  const catalog = await readWalCatalog(vault, CLUSTER, { segmentBytes: SEGMENT_BYTES });
  const path = { timeline: 1, path: pathTo(1, []), catalog } as unknown as RecoveryPath;
  const reader = { vault, dataKeys: vault.dataKeys, cluster: CLUSTER };
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
});
