import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { keepCommitting } from '../local-cloud/churn.ts';
import { type LocalCloud, startLocalCloud } from '../local-cloud/local-cloud.ts';
import {
  type RestoredServer,
  type RestoreMachine,
  ROOM,
  startRestoreMachine,
} from '../local-cloud/restore-machine.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { contentsOf, createShop } from '../local-cloud/shop.ts';

const CLUSTER = 'orders';
/** In this order, as the schedules of a week would. */
const CHAIN = ['weekly', 'daily', 'hourly', 'hourly'] as const;

let cloud: LocalCloud;
let machine: RestoreMachine;
const backups: PhysicalManifest[] = [];
/** What was there when it was last well, and how that moment is told. */
let before: {
  contents: string[];
  time: string;
  lsn: string;
};

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-physical' });
  await createShop(cloud.primary);
  await cloud.primary.query('create table ledger (id bigint primary key, note text)', {
    database: 'shop',
  });
  // Else an incremental waits for the next checkpoint, which may be minutes away.
  await cloud.primary.query('grant pg_checkpoint to holdfast');
  await cloud.streamer().waitForLine(({ event }) => event === 'streaming');
  const stop = keepCommitting(cloud.primary, 'shop', 'ledger');
  let requested = Date.now() - 60 * 60 * 1000;
  for (const schedule of CHAIN) {
    requested += 60_000;
    backups.push(await backUp(schedule, new Date(requested)));
  }
  await stop();
  before = await lookAround();
  await cloud.primary.query('drop table "Order" cascade', { database: 'shop' });
  // So that something comes after it, which recovery has to leave out.
  await cloud.primary.query('insert into ledger values (-1, $$after the accident$$)', {
    database: 'shop',
  });
  await untilArchived();
  machine = await startRestoreMachine(cloud);
}, 600_000);
afterAll(async () => {
  await machine?.stop();
  await cloud?.stop();
}, 60_000);

async function backUp(schedule: string, scheduledTime: Date): Promise<PhysicalManifest> {
  const { payload } = await cloud.fireSchedule(CLUSTER, schedule, scheduledTime);
  const { taskArn, label } = StartTaskAnswer.parse(payload);
  const { exitCode, logFile } = await cloud.waitForTask(taskArn, { timeoutSeconds: 180 });
  expect(exitCode, readFileSync(logFile, 'utf8')).toBe(0);
  const { stdout } = await cloud.holdfast(['show', label, '--cluster', CLUSTER, '--json']);
  return (JSON.parse(stdout) as { manifest: PhysicalManifest }).manifest;
}

/** All that is in the shop, at a moment with nothing in the two seconds around it. */
async function lookAround(): Promise<typeof before> {
  const pause = 'select pg_sleep(1)';
  const contents = await contentsOf(cloud.primary, 'shop');
  await cloud.primary.query("select pg_create_restore_point('before the accident')");
  await cloud.primary.query(pause);
  const { rows } = await cloud.primary.query(
    'select clock_timestamp()::text as time, pg_current_wal_insert_lsn()::text as lsn',
  );
  const [{ time, lsn }] = rows as [{ time: string; lsn: string }];
  await cloud.primary.query(pause);
  return { contents, time, lsn };
}

/** Until the streamer has told the server that all it has is in the vault. */
async function untilArchived(): Promise<void> {
  const { rows } = await cloud.primary.query('select pg_current_wal_flush_lsn()::text as lsn');
  const [{ lsn }] = rows as [{ lsn: string }];
  await waitUntil(
    async () => {
      const { rows: slots } = await cloud.primary.query(
        `select 1 from pg_stat_replication
          where application_name like 'holdfast%' and flush_lsn >= '${lsn}'`,
      );
      return slots.length > 0;
    },
    { what: `the vault to hold ${lsn}`, timeoutMs: 60_000 },
  );
}

async function restore(name: string, ...target: string[]): Promise<RestoredServer> {
  const directory = `${ROOM}/${name}`;
  const { exitCode, stderr } = await machine.holdfast([
    ...['restore', '--kind', 'physical', '--cluster', CLUSTER, '--directory', directory],
    ...target,
  ]);
  expect(exitCode, stderr).toBe(0);
  return await machine.start(directory);
}

async function expectAsBefore(server: RestoredServer): Promise<void> {
  try {
    expect(await contentsOf(server as never, 'shop')).toEqual(before.contents);
  } finally {
    await server.stop();
  }
}

test('a full, a differential and two incremental backups rest on each other', () => {
  const [full, differential, first, second] = backups.map(({ label }) => label);
  expect(backups.map(({ type, chain, source }) => ({ type, chain, role: source.role }))).toEqual([
    { type: 'full', chain: [], role: 'replica' },
    { type: 'differential', chain: [full], role: 'replica' },
    { type: 'incremental', chain: [full, differential], role: 'replica' },
    { type: 'incremental', chain: [full, differential, first], role: 'replica' },
  ]);
  expect(second).toBeDefined();
});

describe('a table that was dropped', () => {
  test('is there in a server brought back to one second before, which pg_amcheck finds whole', async () => {
    const server = await restore('to-time', '--target-time', before.time);
    const { port } = server;
    const checked = await machine.run([
      ...[
        '/usr/lib/postgresql/17/bin/pg_amcheck',
        '--all',
        '--install-missing',
        '--heapallindexed',
      ],
      ...['-h', '/tmp', '-p', String(port), '-U', 'postgres'],
    ]);
    expect(checked, checked.stderr).toMatchObject({ exitCode: 0, stdout: '' });
    await expectAsBefore(server);
  }, 180_000);

  test('is there in one brought back to a position, or to a restore point', async () => {
    await expectAsBefore(await restore('to-lsn', '--target-lsn', before.lsn));
    await expectAsBefore(await restore('to-name', '--target-name', 'before the accident'));
  }, 240_000);

  test('is not there in the latest, and all that came after is', async () => {
    const server = await restore('to-latest');
    try {
      expect(await contentsOf(server as never, 'shop')).toEqual(
        await contentsOf(cloud.primary, 'shop'),
      );
    } finally {
      await server.stop();
    }
  }, 180_000);
});
