import { describe, expect, it } from 'vitest';
import { artifactKey } from '../../contract/vault-keys.ts';
import { walFileKey, walIncrementKey } from '../../contract/wal-keys.ts';
import { INCREMENT_LOCK_DAYS } from '../../contract/wal-object.ts';
import { ENVIRONMENT } from './example-environment.ts';
import { ADMINISTRATOR, BACKUP_OF_ORDERS, mayInVault } from './simulation.ts';
import { synthesize } from './synthesized.ts';

const SEGMENT = '0000000200000001000000FF';
const INCREMENT = walIncrementKey('orders', SEGMENT, 0, 8192);
const WHOLE = walFileKey('orders', SEGMENT);
const WRITES = ['s3:PutObject', 's3:PutObjectRetention'];

function locked(days: number) {
  return {
    's3:ObjectCreationOperation': 'true',
    's3:if-none-match': '*',
    's3:object-lock-mode': 'COMPLIANCE',
    's3:object-lock-remaining-retention-days': String(days),
  };
}

async function mayLock(as: string, action: string, key: string, days: number): Promise<boolean> {
  const { 's3:ObjectCreationOperation': _, 's3:if-none-match': __, ...lock } = locked(days);
  const context = action === 's3:PutObject' ? locked(days) : lock;
  return await mayInVault({ as, action, key, context });
}

describe.each(WRITES)('by %s', (action) => {
  it('the streamer locks increments for their two days, rounded either way, and no others', async () => {
    for (const days of [INCREMENT_LOCK_DAYS - 1, INCREMENT_LOCK_DAYS, INCREMENT_LOCK_DAYS + 1]) {
      expect(await mayLock(BACKUP_OF_ORDERS, action, INCREMENT, days)).toBe(true);
    }
    for (const days of [0, 4, 35]) {
      expect(await mayLock(BACKUP_OF_ORDERS, action, INCREMENT, days)).toBe(false);
    }
  });

  it('all else has the locks of backups: whole segments, histories, and what only looks like one', async () => {
    const others = [
      WHOLE,
      `${WHOLE}.partial`,
      walFileKey('orders', '00000002.history'),
      artifactKey('orders', '20261120T030000Z-physical-full-7f3a9c', 'wal/increments/base.tar'),
      `clusters/orders/increments/${SEGMENT}/00000000-00002000`,
      `clusters/orders/wal/increments/${SEGMENT}/00000000-00002000`,
    ];
    for (const key of others) {
      expect(await mayLock(BACKUP_OF_ORDERS, action, key, 35)).toBe(true);
      expect(await mayLock(BACKUP_OF_ORDERS, action, key, INCREMENT_LOCK_DAYS)).toBe(false);
    }
  });

  it("another cluster's increments are nobody's", async () => {
    const key = walIncrementKey('billing', SEGMENT, 0, 8192);
    expect(await mayLock(BACKUP_OF_ORDERS, action, key, INCREMENT_LOCK_DAYS)).toBe(false);
  });

  it('the vault holds administrators to the same', async () => {
    expect(await mayLock(ADMINISTRATOR, action, INCREMENT, INCREMENT_LOCK_DAYS)).toBe(true);
    expect(await mayLock(ADMINISTRATOR, action, INCREMENT, 0)).toBe(false);
    expect(await mayLock(ADMINISTRATOR, action, INCREMENT, 4)).toBe(false);
    expect(await mayLock(ADMINISTRATOR, action, WHOLE, 4)).toBe(true);
  });
});

it('a vault that takes long locks alone takes increments all the same', () => {
  const { vault } = synthesize({ ...ENVIRONMENT, minLockDays: 30, retentionDays: 60 });
  const [policy] = Object.values(vault.findResources('AWS::S3::BucketPolicy'));
  const statements = policy?.Properties.PolicyDocument.Statement as {
    Sid: string;
    Resource?: unknown;
    NotResource?: unknown;
    Condition: object;
  }[];
  const shortest = (sid: string) => statements.find(({ Sid }) => Sid === sid);
  const days = (least: number) => ({
    NumericLessThan: { 's3:object-lock-remaining-retention-days': String(least) },
  });
  expect(shortest('DenyTooShortLocks')?.Condition).toEqual(days(30));
  expect(shortest('DenyTooShortIncrementLocks')?.Condition).toEqual(days(1));
  expect(shortest('DenyTooShortLocks')?.NotResource).toEqual(
    shortest('DenyTooShortIncrementLocks')?.Resource,
  );
});
