import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { walFileKey } from '../../contract/wal-keys.ts';
import { type Accident, haveAccident, RESTORE_POINT } from '../local-cloud/accident.ts';
import { changedOptions } from '../local-cloud/changed-options.ts';
import { type LentTools, lendTools } from '../local-cloud/lend-tools.ts';
import { type LocalCloud, startLocalCloud } from '../local-cloud/local-cloud.ts';
import { CA_PATH } from '../local-cloud/platform/tasks.ts';
import { makePushRole } from '../local-cloud/push-role.ts';
import { PHYSICAL_RECIPES, recipe, withValues } from '../local-cloud/recipe.ts';
import { type RestoreMachine, ROOM, startRestoreMachine } from '../local-cloud/restore-machine.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { contentsOf } from '../local-cloud/shop.ts';
import { createTablespace } from '../local-cloud/tablespace.ts';

let cloud: LocalCloud;
let machine: RestoreMachine;
let accident: Accident;
let tools: LentTools;

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-physical' });
  // Else an incremental waits for the next checkpoint, which may be minutes away.
  await cloud.primary.query('grant pg_checkpoint to holdfast');
  // What a restore loses most easily: every table lies in it.
  await createTablespace(cloud, 'cold');
  await cloud.primary.query('grant create on tablespace cold to public');
  await cloud.primary.query('alter role postgres set default_tablespace = cold');
  accident = await haveAccident(cloud, {
    cluster: 'orders',
    primary: cloud.primary,
    schedules: ['weekly', 'daily', 'hourly', 'hourly'],
  });
  tools = await lendTools(join(cloud.directory, 'tools'));
  const { volumes } = tools;
  machine = await startRestoreMachine(cloud, { cluster: 'orders', major: 17, volumes });
}, 600_000);
afterAll(async () => {
  await machine?.stop();
  await cloud?.stop();
}, 60_000);

test('a full, a differential and two incremental backups rest on each other', () => {
  const labels = accident.backups.map(({ label }) => label);
  const expected = ['full', 'differential', 'incremental', 'incremental'].map((type, index) => ({
    ...{ type, chain: labels.slice(0, index), role: 'replica' },
  }));
  const found = accident.backups.map(({ type, chain, source: { role } }) => ({
    ...{ type, chain, role },
  }));
  expect(found).toEqual(expected);
});

describe('a table that was dropped', () => {
  test('is there in a server brought back to one second before, which pg_amcheck finds whole', async () => {
    const server = await machine.restore('to-time', ['--target-time', accident.time]);
    try {
      const checked = await machine.run([
        '/usr/lib/postgresql/17/bin/pg_amcheck',
        ...['--all', '--install-missing', '--heapallindexed'],
        ...['-h', '/tmp', '-p', String(server.port), '-U', 'postgres'],
      ]);
      expect(checked, checked.stderr).toMatchObject({ exitCode: 0, stdout: '' });
      expect(await contentsOf(server, 'shop')).toEqual(accident.contents);
    } finally {
      await server.stop();
    }
  });

  test.each([
    ['a position', 'to-lsn', () => ['--target-lsn', accident.lsn]],
    ['a restore point', 'to-name', () => ['--target-name', RESTORE_POINT]],
  ])('is there in one brought back to %s', async (_, name, target) => {
    const server = await machine.restore(name, target());
    try {
      expect(await contentsOf(server, 'shop')).toEqual(accident.contents);
    } finally {
      await server.stop();
    }
  });

  test('is there in one brought back by hand, with the commands of the document and stock tools', async () => {
    const [, backup] = accident.backups;
    expect(backup?.tablespaces).toHaveLength(1);
    const { rows } = await cloud.primary.query(
      'select pg_walfile_name(pg_current_wal_insert_lsn()) as name',
    );
    const [{ name: open }] = rows as [{ name: string }];
    const catalog = await cloud.s3.send(
      new ListObjectsV2Command({
        Bucket: cloud.bucket,
        Prefix: walFileKey('orders', open),
      }),
    );
    expect(catalog.KeyCount).toBe(0);
    const directory = `${ROOM}/by-hand`;
    // What a timeline that was left had of its last segment: here of one that is nowhere near.
    const left = '00000001000000FE00000001';
    const role = await makePushRole(cloud, 'orders');
    const pushing = Object.entries({
      ...{ ...role.environment, NODE_EXTRA_CA_CERTS: CA_PATH },
      HOLDFAST_ENVIRONMENT: cloud.environment,
    }).map(([name, value]) => `${name}='${value}'`);
    const script = [
      `export PATH=/usr/lib/postgresql/17/bin:${tools.bin}:$PATH; mkdir ${directory}; cd ${directory}`,
      withValues({
        REGION: cloud.region,
        ENVIRONMENT: cloud.environment,
        BUCKET: cloud.bucket,
        CLUSTER: 'orders',
        LABEL: backup?.label ?? '',
        DATABASE: 'shop',
      }),
      withValues({ TARGET_TIME: accident.time }, 'target'),
      ...['manifest', ...PHYSICAL_RECIPES.slice(1)].map(recipe),
      // The answers on which it depends whether recovery goes on, ends or stops.
      'for name in 00000001000000FF00000001 00000002.history 000000010000000000000000',
      'do ./restore-wal $name answer && echo 0 || echo $?; done >answers',
      `left=data/pg_wal/${left}; set -- data/pg_wal/0*[0-9A-F]; head --bytes=100000 "$1" >$left.partial`,
      `${pushing.join(' ')} holdfast wal-push --cluster orders $left.partial`,
      `./restore-wal ${left} answer && stat --format=%s answer >>answers`,
      'cmp --bytes=100000 answer $left.partial',
    ].join('\n');
    const { environment } = cloud.principals.restore;
    const done = await machine.run(['bash', '-c', script], {
      env: { ...environment, AWS_CA_BUNDLE: CA_PATH, LC_ALL: 'C.UTF-8' },
    });
    const server = machine.connect({
      ...{ directory: `${directory}/data`, socketDirectory: directory, port: 5432 },
    });
    try {
      expect(done.exitCode, done.stderr).toBe(0);
      expect(await contentsOf(server, 'shop')).toEqual(accident.contents);
      const inTablespace = `select tablename from pg_tables where tablespace = 'cold' and tablename = 'Order'`;
      expect((await server.query(inTablespace, { database: 'shop' })).rows).toHaveLength(1);
      const { stdout: log } = await machine.run(['cat', `${directory}/server.log`]);
      expect(log).toContain(`restored log file "${open}" from archive`);
      const { stdout: answers } = await machine.run(['cat', `${directory}/answers`]);
      expect(answers.split('\n')).toEqual(['1', '1', '126', `${16 * 1024 * 1024}`]);
    } finally {
      await server.stop();
    }
  }, 300_000);

  test('is not there in the latest, and all that came after is', async () => {
    const server = await machine.restore('to-latest', []);
    try {
      const latest = await contentsOf(server, 'shop');
      expect(latest).not.toEqual(accident.contents);
      expect(latest).toEqual(await contentsOf(cloud.primary, 'shop'));
    } finally {
      await server.stop();
    }
  });
});

test('a new standby out of the vault catches up, streams, and has what is committed then', async () => {
  const slot = 'new_standby';
  const server = await machine.follow('standby', cloud.primary, slot);
  try {
    const streams = `select state from pg_stat_replication
      where application_name = '${slot}' and state = 'streaming'`;
    await waitUntil(async () => (await cloud.primary.query(streams)).rows.length === 1, {
      what: 'the standby to stream',
      timeoutMs: 120_000,
    });
    await cloud.primary.query('insert into ledger values (-2, $$after the new standby$$)', {
      database: 'shop',
    });
    const arrived = 'select note from ledger where id = -2';
    await waitUntil(
      async () => (await server.query(arrived, { database: 'shop' })).rows.length === 1,
      { what: 'the row to arrive', timeoutMs: 120_000 },
    );
    expect(await contentsOf(server, 'shop')).toEqual(await contentsOf(cloud.primary, 'shop'));
    const { rows } = await server.query(
      'select pg_is_in_recovery() as standby, slot_name as slot from pg_stat_wal_receiver',
    );
    expect(rows).toEqual([{ standby: true, slot }]);
  } finally {
    await server.stop();
  }
});

test('a backup without WAL of its own waits until the vault has it, and comes back with it', async () => {
  const streamer = cloud.streamer();
  await streamer.stop();
  // The backup needs WAL that the vault has not.
  await cloud.primary.query('insert into ledger values (-3, $$while nothing streams$$)', {
    database: 'shop',
  });
  await cloud.standby.waitForReplay();
  const environment = changedOptions(cloud, 'orders', ({ physical }) => ({
    physical: { ...physical, wal: 'archive' },
  }));
  cloud.giveTasks({ environment });
  const { payload } = await cloud.fireSchedule('orders', 'weekly', new Date());
  cloud.giveTasks({});
  const { taskArn, label } = StartTaskAnswer.parse(payload);
  const { logFile } = await cloud.task(taskArn);
  const log = () => readFileSync(logFile, 'utf8');
  await waitUntil(() => log().includes('"waiting for the WAL archive"'), {
    what: 'the backup to wait for its WAL',
    timeoutMs: 120_000,
    explain: log,
  });
  const show = () => cloud.holdfast(['show', label, '--cluster', 'orders', '--json']);
  expect((await show()).exitCode).toBe(ExitCode.Usage);
  streamer.start();
  expect((await cloud.waitForTask(taskArn, { timeoutSeconds: 150 })).exitCode, log()).toBe(0);
  const { manifest } = JSON.parse((await show()).stdout) as { manifest: PhysicalManifest };
  expect(manifest).toMatchObject({ label, wal: 'archive', walTar: null, chain: [] });
  const server = await machine.restore('without-wal', ['--label', label]);
  try {
    expect(await contentsOf(server, 'shop')).toEqual(await contentsOf(cloud.primary, 'shop'));
  } finally {
    await server.stop();
  }
});

describe.each([
  { cluster: 'fifteen', major: 15, schedules: ['weekly'] },
  { cluster: 'eighteen', major: 18, schedules: ['weekly', 'hourly'] },
])('with PostgreSQL $major', ({ cluster, major, schedules }) => {
  test(`a dropped table comes back, out of ${schedules.join(' and ')}`, async () => {
    const servers = await cloud.startSource(cluster);
    await servers.primary.query('grant pg_checkpoint to holdfast');
    const lost = await haveAccident(cloud, { cluster, primary: servers.primary, schedules });
    expect(lost.backups.at(-1)).toMatchObject({
      type: schedules.length > 1 ? 'incremental' : 'full',
    });
    const other = await startRestoreMachine(cloud, { cluster, major });
    try {
      const server = await other.restore('to-time', ['--target-time', lost.time]);
      expect(await contentsOf(server, 'shop')).toEqual(lost.contents);
      await server.stop();
    } finally {
      await other.stop();
      await cloud.streamer(cluster).stop();
      await servers.stop();
    }
  }, 300_000);
});
