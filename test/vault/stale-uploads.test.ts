import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HoldfastError } from '../../contract/errors.ts';
import { artifactKey } from '../../contract/vault-keys.ts';
import { abortUpload } from '../../vault/artifact-upload.ts';
import { listOpenUploads } from '../../vault/open-uploads.ts';
import { abortStaleUploads, type TaskStates } from '../../vault/stale-uploads.ts';
import { CLUSTER, type RealVault, startRealVault } from './real-vault.ts';

const STOPPED = '20261120T030000Z-logical-full-7f3a9c';
const LIVING = '20261120T040000Z-logical-full-7f3a9c';
const UNKNOWN = '20261120T050000Z-logical-full-7f3a9c';
const OURS = '20261121T030000Z-logical-full-7f3a9c';
const HOUR_MS = 60 * 60_000;

const KEYS = [STOPPED, LIVING, UNKNOWN].map((label) => artifactKey(CLUSTER, label, 'db-5/a.0001'));
const [, OF_LIVING, OF_UNKNOWN] = KEYS as [string, string, string];
/** What is not of this cluster and kind, or the run's own. */
const OTHERS = [
  artifactKey('billing', STOPPED, 'db-5/a.0001'),
  artifactKey(CLUSTER, OURS, 'db-5/a.0001'),
  `clusters/${CLUSTER}/backups/no-label/x`,
];

let vault: RealVault;
beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());
beforeEach(async () => {
  for await (const { key, uploadId } of listOpenUploads(vault, '')) {
    await abortUpload(vault, key, uploadId);
  }
  for (const Key of [...KEYS, ...OTHERS]) {
    await vault.s3.send(new CreateMultipartUploadCommand({ Bucket: vault.bucket, Key }));
  }
});

/** Longest run: an hour. */
function sweep(hoursLater: number, taskStates: () => Promise<TaskStates>) {
  return abortStaleUploads(vault.backup(OURS), {
    kind: 'logical',
    maxDurationMinutes: 60,
    taskStates,
    now: new Date(Date.now() + hoursLater * HOUR_MS),
  });
}

const known = async (): Promise<TaskStates> => ({
  living: new Set([LIVING]),
  stopped: new Set([STOPPED, LIVING]),
});

async function expectLeft(...keys: string[]): Promise<void> {
  expect((await vault.openUploads()).sort()).toEqual([...keys, ...OTHERS].sort());
}

test('the uploads of a task that has stopped are aborted at once, and nobody else’s', async () => {
  expect(await sweep(0, known)).toEqual({ aborted: 1, failures: [] });
  await expectLeft(OF_LIVING, OF_UNKNOWN);
});

test('those of a task that nobody knows any more are aborted after an hour', async () => {
  expect(await sweep(0.95, known)).toEqual({ aborted: 1, failures: [] });
  await expectLeft(OF_LIVING, OF_UNKNOWN);
  expect(await sweep(1.05, known)).toEqual({ aborted: 1, failures: [] });
  await expectLeft(OF_LIVING);
});

test('those of a living task are left alone, whatever their age', async () => {
  await sweep(1000, known);
  await expectLeft(OF_LIVING);
});

test('where nothing can be learnt of tasks, those older than any run are aborted', async () => {
  const denied = new HoldfastError('VAULT_DENIED', 'ecs:ListTasks', { hint: 'allow it' });
  const unknown = () => Promise.reject(denied);
  expect(await sweep(1.9, unknown)).toEqual({ aborted: 0, failures: [denied] });
  await expectLeft(...KEYS);
  expect(await sweep(2.1, unknown)).toEqual({ aborted: 3, failures: [denied] });
  await expectLeft();
});

test('nobody is asked where nothing is open', async () => {
  for (const hours of [0, 3]) await sweep(hours, known);
  await sweep(3, async () => ({ living: new Set(), stopped: new Set() }));
  let asked = 0;
  await sweep(3, async () => {
    asked += 1;
    return await known();
  });
  expect(asked).toBe(0);
});
