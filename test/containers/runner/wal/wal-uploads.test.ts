import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../../../../containers/runner/log.ts';
import { WalUploads, walMemory } from '../../../../containers/runner/wal/wal-uploads.ts';
import { segmentName, segmentStart } from '../../../../contract/wal-segments.ts';
import { type RealVault, startRealVault } from '../../../vault/real-vault.ts';
import { exampleSegment, SEGMENT_BYTES, SYSTEM } from '../../../vault/wal/example-wal.ts';
import { walVault } from '../../../vault/wal/real-wal.ts';

let vault: RealVault;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

const FIRST = 3;
const start = segmentStart(FIRST, SEGMENT_BYTES);

function named(number: number): string {
  return segmentName({ timeline: 1, number }, SEGMENT_BYTES);
}

function uploadsOf(cluster: string): WalUploads {
  return new WalUploads({
    vault: walVault(vault, { cluster, systemIdentifier: SYSTEM }),
    memory: walMemory(SEGMENT_BYTES),
    timeline: 1,
    start,
    durable: start,
    incrementsFrom: 0n,
    incrementSeconds: 60,
    log: createLog(() => undefined),
    stored: () => undefined,
  });
}

test('bytes of another place are not taken, and nothing of them is said to be in the vault', async () => {
  const uploads = uploadsOf('misplaced');
  await uploads.write(exampleSegment(named(FIRST)));
  const next = exampleSegment(named(FIRST + 1));
  await uploads.write(next.subarray(0, 64 * 1024));
  await uploads.flush();
  const reached = start + BigInt(SEGMENT_BYTES + 64 * 1024);
  expect(uploads.durable).toBe(reached);
  // A page that is written over by one that comes later.
  const wrong = Buffer.from(next.subarray(64 * 1024));
  next.copy(wrong, 8192, 256 * 1024, 256 * 1024 + 8192);
  await expect(uploads.write(wrong)).rejects.toThrow(
    `What came is not ${named(FIRST + 1)}: the page at`,
  );
  await uploads.flush();
  expect(uploads.durable).toBe(reached);
  await uploads.drop(new Error('over'));
});

test("another server's bytes are not taken", async () => {
  const uploads = uploadsOf('foreign');
  const foreign = exampleSegment(named(FIRST), { system: '7400000000000000001' });
  await expect(uploads.write(foreign)).rejects.toThrow('its pages are of system');
  await uploads.flush();
  expect(uploads.durable).toBe(start);
  await uploads.drop(new Error('over'));
});
