import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { manifestKey } from '../../contract/vault-keys.ts';
import { contentsOf } from '../local-cloud/shop.ts';
import type { FaultCase } from './choose-cases.ts';
import type { FaultCloud } from './fault-cloud.ts';

/** As the local cloud's administrator, whom no policy keeps from it: a later version, then a marker. */
async function writeOver(faults: FaultCloud, key: string, body: string): Promise<void> {
  const where = { Bucket: faults.cloud.bucket, Key: key };
  await faults.cloud.s3.send(new PutObjectCommand({ ...where, Body: body }));
  const { DeleteMarker } = await faults.cloud.s3.send(new DeleteObjectCommand(where));
  expect(DeleteMarker).toBe(true);
}

async function readersAreNotFooled(faults: FaultCloud): Promise<void> {
  const run = await faults.run();
  await faults.expectPublished(run);
  const { label } = run.started;
  const before = await faults.manifestOf(label);
  const forged = { ...before, databases: [], warnings: ['forged'] };
  await writeOver(faults, manifestKey('orders', label), JSON.stringify(forged));
  for (const { key } of before.artifacts) await writeOver(faults, key, 'forged');

  const listing = await faults.cloud.holdfast(['list', '--cluster', 'orders', '--json']);
  expect(listing.stdout).toContain(label);
  expect(listing.stdout).toMatch(/2 versions; the oldest one counts/);
  expect(listing.stdout).toMatch(/A delete marker lies over the manifest/);
  expect(await faults.manifestOf(label)).toEqual(before);
  const { primary } = faults.cloud;
  const { exitCode, stderr } = await faults.cloud.holdfast(
    [
      ...['restore', '--cluster', 'orders', '--label', label],
      ...['--database', 'bulk', '--into', 'bulk_copy'],
    ],
    { env: { HOLDFAST_RESTORE_URI: primary.uri } },
  );
  expect(exitCode, stderr).toBe(0);
  try {
    expect(await contentsOf(primary, 'bulk_copy')).toEqual(await contentsOf(primary, 'bulk'));
  } finally {
    await primary.query('drop database bulk_copy');
  }
}

export const FORGERY_CASES: readonly FaultCase[] = [
  {
    name: 'later versions and delete markers over a manifest and its artifacts change nothing for list, show and restore',
    always: true,
    run: readersAreNotFooled,
  },
];
