import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { artifactKey } from '../../contract/vault-keys.ts';
import { abortStaleUploads } from '../../vault/stale-uploads.ts';
import { CLUSTER, type RealVault, startRealVault } from './real-vault.ts';

const LABEL = '20261120T030000Z-logical-full-7f3a9c';
const HOUR_MS = 60 * 60_000;

let vault: RealVault;
beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

async function open(key: string): Promise<void> {
  await vault.s3.send(new CreateMultipartUploadCommand({ Bucket: vault.bucket, Key: key }));
}

test('only what cannot belong to a living run of the same cluster and kind is aborted', async () => {
  const ours = artifactKey(CLUSTER, LABEL, 'db-5/pack.tar.0001');
  const others = [
    artifactKey('billing', LABEL, 'db-5/pack.tar.0001'),
    `clusters/${CLUSTER}/backups/no-label/x`,
  ];
  for (const key of [ours, ...others]) await open(key);
  const backup = vault.backup('20261121T030000Z-logical-full-7f3a9c');

  const early = await abortStaleUploads(
    backup,
    'logical',
    60,
    new Date(Date.now() + 1.9 * HOUR_MS),
  );
  expect(early).toEqual({ aborted: 0, failures: [] });
  expect((await vault.openUploads()).sort()).toEqual([...others, ours].sort());

  const late = await abortStaleUploads(backup, 'logical', 60, new Date(Date.now() + 2.1 * HOUR_MS));
  expect(late).toEqual({ aborted: 1, failures: [] });
  expect((await vault.openUploads()).sort()).toEqual([...others].sort());
});
