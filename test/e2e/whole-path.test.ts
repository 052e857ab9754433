import { DeleteObjectCommand, PutObjectRetentionCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { manifestKey } from '../../contract/vault-keys.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import { BACKUP_ROLE } from '../local-cloud/seed.ts';
import { contentsOf, createShop } from '../local-cloud/shop.ts';

const SCHEDULED = new Date('2026-11-20T03:00:00Z');

let cloud: LocalCloud;
let label: string;
let end: TaskEnd;
let before: string[];

beforeAll(async () => {
  cloud = await startLocalCloud();
  await createShop(cloud.primary);
  await cloud.primary.query(
    "select lo_from_bytea(0, decode(repeat('ab', 5000), 'hex')); select lo_from_bytea(0, 'x')",
    { database: 'shop' },
  );
  // Outgrows the pack: 4.8 MB that do not compress.
  await cloud.primary.query(
    `select lo_from_bytea(0, string_agg(decode(md5(random()::text), 'hex'), ''))
       from generate_series(1, 300000)`,
    { database: 'shop' },
  );
  await cloud.primary.query(
    'do $$ declare o record; begin for o in select oid from pg_largeobject_metadata loop execute format($g$grant select on large object %s to holdfast$g$, o.oid); end loop; end $$',
    { database: 'shop' },
  );
  await cloud.standby.waitForReplay();
  before = await contentsOf(cloud.primary, 'shop');
  const answer = await cloud.fireSchedule('orders', 'daily', SCHEDULED);
  expect(answer).toMatchObject({ failed: false });
  const started = StartTaskAnswer.parse(answer.payload);
  label = started.label;
  end = await cloud.waitForTask(started.taskArn, { timeoutSeconds: 120 });
}, 240_000);
afterAll(() => cloud.stop(), 60_000);

async function show(): Promise<LogicalManifest> {
  const { exitCode, stdout, stderr } = await cloud.holdfast([
    'show',
    label,
    '--cluster',
    'orders',
    '--json',
  ]);
  expect(exitCode, stderr).toBe(0);
  return (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest;
}

function restore(...more: string[]) {
  return cloud.holdfast(
    ['restore', '--cluster', 'orders', '--label', label, '--database', 'shop', '--json', ...more],
    { env: { HOLDFAST_RESTORE_URI: cloud.primary.uri } },
  );
}

describe("a schedule's event", () => {
  test('becomes a backup under the label of its time', () => {
    expect(label).toMatch(/^20261120T030000Z-logical-full-/);
    expect(end.exitCode).toBe(0);
  });

  test('that is delivered again starts nothing: the answer names the same task', async () => {
    const again = await cloud.fireSchedule('orders', 'daily', SCHEDULED);
    expect(again.payload).toMatchObject({ label, taskArn: end.arn });
  });

  test('is in the catalog', async () => {
    const { exitCode, stdout } = await cloud.holdfast(['list', '--cluster', 'orders', '--json']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(label);
  });
});

describe('the manifest', () => {
  test('says that the standby served, and when its data is from', async () => {
    const manifest = await show();
    expect(manifest.source).toMatchObject({
      role: 'replica',
      port: cloud.standby.port,
      sslmode: 'verify-full',
    });
    const { rows } = await cloud.standby.query(
      'select system_identifier::text as id from pg_control_system()',
    );
    expect(manifest.source.systemIdentifier).toBe(rows[0].id);
    expect(manifest.databases.map(({ name }) => name)).toEqual(['postgres', 'shop']);
    const shop = manifest.databases.find(({ name }) => name === 'shop');
    expect(shop).toMatchObject({
      contents: { tableData: 3, largeObjects: 3 },
      pack: { largeObjectFiles: 2 },
    });
    expect(shop).toMatchObject({
      files: [{ name: expect.stringMatching(/^blob_\d+\.dat\.zst$/) }],
    });
    expect(Date.now() - Date.parse(shop?.dataAsOf ?? '')).toBeLessThan(600_000);
  });

  test('says what is not inside', async () => {
    const { notIncluded } = await show();
    expect(notIncluded).toContainEqual(expect.objectContaining({ what: 'role passwords' }));
    expect(notIncluded).toContainEqual(
      expect.objectContaining({ database: 'shop', what: 'the rows of unlogged tables (1)' }),
    );
  });

  test('and the log hold no secret', async () => {
    const { readFile } = await import('node:fs/promises');
    const texts = [JSON.stringify(await show()), await readFile(end.logFile, 'utf8')];
    const { password } = BACKUP_ROLE;
    for (const text of texts) {
      expect(text).not.toContain(password);
      expect(text).not.toContain(encodeURIComponent(password));
      expect(text).not.toContain(JSON.stringify(password).slice(1, -1));
    }
  });
});

describe('nobody', () => {
  test.each(['the administrator', 'the backup role', 'the restore role'])(
    'deletes a locked object: %s is refused',
    async (who) => {
      const identity = {
        'the administrator': cloud.principals.admin,
        'the backup role': cloud.asRole('hf.local.orders'),
        'the restore role': cloud.principals.restore,
      }[who];
      const s3 = new S3Client({
        endpoint: cloud.s3Endpoint,
        region: cloud.region,
        credentials: identity ?? { accessKeyId: '', secretAccessKey: '' },
        maxAttempts: 1,
      });
      const { artifacts } = await show();
      for (const artifact of artifacts) {
        await expect(
          s3.send(
            new DeleteObjectCommand({
              Bucket: cloud.bucket,
              Key: artifact.key,
              VersionId: artifact.versionId,
              BypassGovernanceRetention: true,
            }),
          ),
        ).rejects.toThrow(/Access ?Denied|not authorized|WORM/i);
      }
      await expect(
        s3.send(
          new PutObjectRetentionCommand({
            Bucket: cloud.bucket,
            Key: manifestKey('orders', label),
            Retention: { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + 60_000) },
          }),
        ),
      ).rejects.toThrow();
    },
  );
});

describe('a restore', () => {
  test('beside the original has every row, owner and grant', async () => {
    const { exitCode, stderr } = await restore('--into', 'shop_copy');
    expect(exitCode, stderr).toBe(0);
    expect(await contentsOf(cloud.primary, 'shop_copy')).toEqual(before);
  });

  test('over a database that exists is refused, and changes nothing', async () => {
    const { exitCode, stderr } = await restore();
    expect(exitCode).toBe(30);
    expect(stderr).toContain('RESTORE_REFUSED');
    expect(stderr).toContain('--replace');
    expect(await contentsOf(cloud.primary, 'shop')).toEqual(before);
  });

  test('brings back a dropped table, and keeps the damaged database', async () => {
    await cloud.primary.query('drop table "Order" cascade', { database: 'shop' });
    const { exitCode, stderr } = await restore('--replace');
    expect(exitCode, stderr).toBe(0);
    expect(await contentsOf(cloud.primary, 'shop')).toEqual(before);
    const { rows } = await cloud.primary.query(
      "select datname from pg_database where datname like 'shop_before%'",
    );
    expect(rows).toHaveLength(1);
  });
});
