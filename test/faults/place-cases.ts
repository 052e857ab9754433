import { type AddressInfo, createServer } from 'node:net';
import { execa } from 'execa';
import { expect } from 'vitest';
import { backupRoleName } from '../../contract/environment-names.ts';
import type { FaultCase } from './choose-cases.ts';
import { type FaultCloud, LONG_DUMP_SPOOL_MIB, logOf } from './fault-cloud.ts';

/** A file system of so many pages of 4 KiB. */
function smallDisk(pages: number) {
  return { type: 'tmpfs', options: `nr_blocks=${pages},uid=10001,mode=0700` } as const;
}

async function fillsUp(faults: FaultCloud): Promise<void> {
  faults.giveTasks({ volumes: smallDisk(768) });
  const failure = await faults.expectFailed(await faults.run(), 'SPOOL_UNUSABLE');
  expect(failure.message).toContain('No space left on device');
  expect(failure.hint).toContain('ephemeralStorageGiB');
}

async function isFull(faults: FaultCloud): Promise<void> {
  faults.giveTasks({ volumes: smallDisk(2) });
  const run = await faults.run();
  expect(faults.s3.calls).toEqual([]);
  const failure = await faults.expectFailed(run, 'SPOOL_UNUSABLE');
  expect(failure.message).toContain('ENOSPC');
}

async function punchesNoHoles(faults: FaultCloud): Promise<void> {
  faults.giveTasks({
    volumes: { type: 'ramfs', options: 'mode=1777' },
    // Half of it holds both tables' files.
    environment: faults.options({ spoolCapMiB: 128 }),
  });
  const run = await faults.run();
  await faults.expectPublished(run);
  expect(logOf(run.end)).toContain('"spool cannot free the start of a file"');
  expect((await faults.manifestOf(run.started.label)).spool.punchHole).toBe(false);
}

async function staysBelowItsCap(faults: FaultCloud): Promise<void> {
  const { started, release } = await faults.beginLongDump();
  const { spoolPath } = await faults.cloud.task(started.taskArn);
  const { stdout } = await execa('du', ['-sm', spoolPath]);
  expect(Number.parseInt(stdout, 10)).toBeLessThan(LONG_DUMP_SPOOL_MIB);
  release();
  const end = await faults.finish(started);
  await faults.expectPublished({ started, end });
  const { peak, spool } = await faults.manifestOf(started.label);
  expect(peak.spoolBytes).toBeLessThan(spool.capBytes);
}

async function kmsDenies(faults: FaultCloud): Promise<void> {
  const { started, release } = await faults.beginAndHold(/globals/);
  const role = backupRoleName('local', 'orders');
  const giveBack = await faults.cloud.withoutPermission(role, 'kms:GenerateDataKey');
  release();
  const end = await faults.finish(started);
  await giveBack();
  const failure = await faults.expectFailed({ started, end }, 'VAULT_DENIED');
  expect(failure.message).toContain('kms:GenerateDataKey');
}

async function kmsIsAway(faults: FaultCloud, how: 'refuses' | 'is silent'): Promise<void> {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  if (how === 'refuses') silent.close();
  try {
    faults.giveTasks({ environment: { AWS_ENDPOINT_URL_KMS: `http://127.0.0.1:${port}` } });
    const failure = await faults.expectFailed(await faults.run(), 'VAULT_UNAVAILABLE');
    expect(failure.message).toContain('kms:GenerateDataKey');
  } finally {
    silent.close();
  }
}

/** What the task finds around it: its disk and its keys. */
export const PLACE_CASES: readonly FaultCase[] = [
  { name: 'a spool that fills up fails the run and says what to do', always: true, run: fillsUp },
  { name: 'a spool that is full is found out before anything is asked', run: isFull },
  {
    name: 'a spool that punches no holes is found out at the start, said, and used all the same',
    run: punchesNoHoles,
  },
  {
    name: 'while S3 takes nothing the spool stays below its cap: the dump is stopped, and goes on',
    run: staysBelowItsCap,
  },
  {
    name: 'KMS that denies in mid-run is named, and nothing stays open',
    run: kmsDenies,
  },
  {
    name: 'KMS that refuses connections fails the run',
    run: (faults) => kmsIsAway(faults, 'refuses'),
  },
  {
    name: 'KMS that does not answer fails the run, soon',
    run: (faults) => kmsIsAway(faults, 'is silent'),
  },
];
