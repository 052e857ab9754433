import { readFileSync } from 'node:fs';
import {
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildClusterOptions, parseClusterOptions } from '../../contract/cluster-options.ts';
import { backupRoleName } from '../../contract/environment-names.ts';
import { EnvironmentVariable } from '../../contract/environment-variables.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { walPrefix } from '../../contract/wal-keys.ts';
import { walSlotName } from '../../contract/wal-slot.ts';
import type { HoldfastResult } from './holdfast-command.ts';
import { type Identity, type LocalCloud, startLocalCloud } from './local-cloud.ts';
import { CA_PATH } from './platform/tasks.ts';
import { makePushRole } from './push-role.ts';
import { ROOM, startRestoreMachine } from './restore-machine.ts';
import { podman } from './servers/container.ts';
import type { PostgresServer } from './servers/postgres.ts';
import { waitUntil } from './servers/wait-until.ts';

const SLOT = walSlotName('local-physical', 'orders');
const ROLE = backupRoleName('local-physical', 'orders');

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-physical' });
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

describe('the service of a streamer', () => {
  test('runs its container, told to stream, and where its lease lies', async () => {
    const { containerName } = await cloud.streamer().task();
    const format = ['--format', '{{json .Config.Env}}'];
    const { stdout } = await podman(['inspect', ...format, containerName]);
    const variables = JSON.parse(stdout) as string[];
    expect(variables).toContain(`${EnvironmentVariable.Action}=stream-wal`);
    expect(variables).toContain(`${EnvironmentVariable.LeaseTable}=${leaseTable()}`);
    expect(variables).toContain(`${EnvironmentVariable.Cluster}=orders`);
  });

  test('takes its lease, makes its slot on each server, and puts WAL into the vault', async () => {
    const streamer = cloud.streamer();
    const { owner } = await streamer.waitForLine(({ event }) => event === 'lease taken');
    const client = new DynamoDBClient(connection(cloud.principals.admin));
    const { Item } = await client.send(new GetItemCommand(key('orders')));
    client.destroy();
    expect(Item).toMatchObject({ owner: { S: owner } });
    await streamer.waitForLine(({ event }) => event === 'streaming');
    const ask = async (server: PostgresServer) =>
      (
        await server.query(
          `select wal_status, active from pg_replication_slots where slot_name = '${SLOT}'`,
        )
      ).rows;
    await waitUntil(async () => (await ask(cloud.standby)).length === 1, {
      what: 'the slot on the standby',
      timeoutMs: 120_000,
    });
    expect(await ask(cloud.primary)).toEqual([{ wal_status: 'reserved', active: true }]);
    await cloud.primary.query('select pg_switch_wal()');
    await waitUntil(async () => (await walFiles()).some((name) => /\/[0-9A-F]{24}$/.test(name)), {
      what: 'a whole segment in the vault',
      timeoutMs: 120_000,
    });
  });

  test('stays while its secret cannot be read, says so, and streams once it can', async () => {
    const streamer = cloud.streamer();
    const without = () => cloud.withoutPermission(ROLE, 'secretsmanager:GetSecretValue');
    await streamer.stop();
    const before = streamer.lines().length;
    let giveBack = await without();
    try {
      streamer.start();
      const broken = await streamer.waitForLine(
        ({ event, failures }) => event === 'stream broken' && failures === 2,
        { after: before },
      );
      expect(broken).toMatchObject({
        code: 'SECRET_UNREADABLE',
        message: expect.stringContaining('secretsmanager:GetSecretValue'),
      });
      const { arn } = await streamer.task();
      await giveBack();
      await streamer.waitForLine(({ event }) => event === 'streaming', { after: before });
      // Later on, what it has said before has to do.
      giveBack = await without();
      const then = streamer.lines().length;
      await cloud.primary.query(
        `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${SLOT}'`,
      );
      await streamer.waitForLine(
        ({ event, code }) => event === 'secret not read' && code === 'SECRET_UNREADABLE',
        { after: then },
      );
      await streamer.waitForLine(({ event }) => event === 'streaming', { after: then });
      expect((await streamer.task()).arn).toBe(arn);
    } finally {
      await giveBack();
    }
  });

  test('has another started when its task was killed, and none once it is stopped', async () => {
    const streamer = cloud.streamer();
    const before = await streamer.task();
    await streamer.kill();
    const after = await streamer.task();
    expect(after.arn).not.toBe(before.arn);
    expect(after.pid).not.toBe(before.pid);
    await streamer.stop();
    const count = streamer.taskCount;
    expect(count).toBeGreaterThan(1);
    streamer.start();
    await streamer.task();
    expect(streamer.taskCount).toBe(count + 1);
  });

  test('is none of the backups', () => {
    expect(cloud.streamer().taskCount).toBeGreaterThan(0);
    expect(cloud.taskArns()).toEqual([]);
  });
});

test("a streamer's lease is its own cluster's, and no other's", async () => {
  const role = cloud.asRole(backupRoleName('local-physical', 'fifteen'));
  const client = new DynamoDBClient(connection(role));
  const take = (cluster: string) =>
    new UpdateItemCommand({
      ...key(cluster),
      UpdateExpression: 'SET expiresAt = :at',
      ExpressionAttributeValues: { ':at': { N: '0' } },
      ReturnValues: 'ALL_NEW',
    });
  const { Attributes } = await client.send(take('fifteen'));
  expect(Attributes).toEqual({ cluster: { S: 'fifteen' }, expiresAt: { N: '0' } });
  await client.send(new DeleteItemCommand(key('fifteen')));
  const refused = { name: expect.stringContaining('AccessDenied') };
  await expect(client.send(take('eighteen'))).rejects.toMatchObject(refused);
  await expect(client.send(new DeleteItemCommand(key('eighteen')))).rejects.toMatchObject(refused);
  // Nothing that it does not need, not even of its own.
  await expect(client.send(new GetItemCommand(key('fifteen')))).rejects.toMatchObject(refused);
  client.destroy();
});

describe('the probe of retained WAL', () => {
  const probe = async (): Promise<readonly Record<string, unknown>[]> => {
    const arn = await cloud.fireProbe();
    const { exitCode, logFile } = await cloud.waitForTask(arn, { timeoutSeconds: 60 });
    const lines = readFileSync(logFile, 'utf8');
    expect(exitCode, lines).toBe(0);
    return lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const told = (lines: readonly Record<string, unknown>[]) =>
    lines.find(({ event }) => event === 'wal probed');

  beforeAll(() => cloud.streamer().stop(), 150_000);

  test('is started by its schedule, and tells of every server what it holds back', async () => {
    await cloud.primary.query(
      `select pg_logical_emit_message(false, 'test', repeat('x', 1000000)) from generate_series(1, 5)`,
    );
    const metrics = told(await probe());
    expect(metrics).toMatchObject({ WalServersUnseen: 0, WalSlotsLost: 0, Cluster: 'orders' });
    expect(Number(metrics?.WalRetainedBytes)).toBeGreaterThan(4_999_999);
  });

  test('drops the slot beyond what the owner allows, and says before what will be lost', async () => {
    const [definition] = [...cloud.model.taskDefinitions.values()].filter(
      ({ family }) => family === 'holdfast_local-physical_probe_orders',
    );
    const { [EnvironmentVariable.ClusterOptions]: text = '' } =
      definition?.container.environment ?? {};
    const options = parseClusterOptions(text);
    if (options.wal === null) throw new Error('no wal');
    const wal = { ...options.wal, retainedAlarmMiB: 1, retainedDropMiB: 2 };
    const changed = buildClusterOptions({ ...options, wal });
    cloud.giveTasks({ environment: { [EnvironmentVariable.ClusterOptions]: changed } });
    const lines = await probe();
    cloud.giveTasks({});
    const events = lines.map(({ event }) => event);
    expect(events.indexOf('slot to be dropped')).toBeGreaterThan(-1);
    expect(events.indexOf('slot dropped')).toBeGreaterThan(events.indexOf('slot to be dropped'));
    const before = lines.find(({ event }) => event === 'slot to be dropped');
    expect(before?.lost).toMatch(/^From [0-9A-F]+\/[0-9A-F]+ to .* MiB, the server may remove WAL/);
    // Nobody has moved the standby's on either.
    expect(told(lines)).toMatchObject({ WalSlotsLost: 2 });
    for (const server of [cloud.primary, cloud.standby]) {
      const { rows } = await server.query(
        `select from pg_replication_slots where slot_name = '${SLOT}'`,
      );
      expect(rows).toEqual([]);
    }
  });

  test('counts a server that does not answer, and ends well', async () => {
    const nobody = 'postgresql://holdfast:x@127.0.0.1:1/postgres';
    await cloud.putSecret('orders', JSON.stringify({ uris: [nobody, cloud.primary.uri] }));
    await cloud.streamer().stop();
    const lines = await probe();
    expect(told(lines)).toMatchObject({ WalServersUnseen: 2 });
    const refused = lines.filter(({ event }) => event === 'server not asked');
    // One is not there; the other's certificate is signed by an authority that this secret lacks.
    expect(refused.map(({ code }) => code).sort()).toEqual(['SOURCE_TLS', 'SOURCE_UNREACHABLE']);
    await cloud.connectSource('orders', cloud);
    await cloud.streamer().stop();
  });
});

test('a server pushes its WAL itself, under the role of the reference, which can do no more', async () => {
  const machine = await startRestoreMachine(cloud, { cluster: 'eighteen', major: 18 });
  const bin = '/usr/lib/postgresql/18/bin';
  const directory = `${ROOM}/pushing`;
  const role = await makePushRole(cloud, 'eighteen');
  const env = {
    ...{ ...role.environment, NODE_EXTRA_CA_CERTS: CA_PATH },
    HOLDFAST_ENVIRONMENT: cloud.environment,
  };
  const run = async (script: string): Promise<HoldfastResult> =>
    await machine.run(['sh', '-euc', script, 'sh', directory], { env });
  const start = await run(`${bin}/initdb -D "$1" --wal-segsize=1 -A trust -U postgres >/dev/null
cat >>"$1/postgresql.conf" <<END
archive_mode = on
archive_command = 'holdfast wal-push --cluster eighteen %p'
listen_addresses = ''
unix_socket_directories = '/tmp'
END
${bin}/pg_ctl -D "$1" -w -l "$1.log" start >/dev/null`);
  expect(start, start.stderr).toMatchObject({ exitCode: 0 });
  const server = machine.connect({ directory, socketDirectory: '/tmp', port: 5432 });
  try {
    await server.query('create table entry as select generate_series(1, 20000) as id');
    const { rows } = await server.query('select pg_walfile_name(pg_switch_wal()) as name');
    const [{ name }] = rows as [{ name: string }];
    await waitUntil(
      async () => {
        const archived = await server.query(
          `select 1 from pg_stat_archiver where last_archived_wal >= '${name}'`,
        );
        return archived.rows.length > 0;
      },
      {
        what: `${name} to be archived`,
        timeoutMs: 120_000,
        intervalMs: 500,
        explain: async () => (await machine.run(['cat', `${directory}.log`])).stdout,
      },
    );
    const fetched = `${ROOM}/fetched`;
    const fetch = ['wal-fetch', '--cluster', 'eighteen', name, fetched];
    expect(await machine.holdfast(fetch)).toMatchObject({ exitCode: 0 });
    const same = ['cmp', fetched, `${directory}/pg_wal/${name}`];
    expect(await machine.run(same)).toMatchObject({ exitCode: 0 });
    const refused = { exitCode: ExitCode.VaultDenied };
    expect(await run(`holdfast list --cluster eighteen`)).toMatchObject(refused);
    expect(await run(`holdfast wal-push --cluster fifteen "$1/pg_wal/${name}"`)).toMatchObject({
      ...refused,
    });
    // 126: neither there nor not there, but not to be looked for.
    expect(await run(`holdfast ${fetch.join(' ')}-again`)).toMatchObject({ exitCode: 126 });
  } finally {
    await server.stop();
    await machine.stop();
  }
});

function connection({ accessKeyId, secretAccessKey, environment }: Identity) {
  const credentials = { accessKeyId, secretAccessKey };
  return { endpoint: environment.AWS_ENDPOINT_URL ?? '', region: cloud.region, credentials };
}

function key(cluster: string) {
  return { TableName: leaseTable(), Key: { cluster: { S: cluster } } };
}

async function walFiles(): Promise<string[]> {
  const { Contents = [] } = await cloud.s3.send(
    new ListObjectsV2Command({ Bucket: cloud.bucket, Prefix: walPrefix('orders') }),
  );
  return Contents.map(({ Key = '' }) => Key);
}

function leaseTable(): string {
  const [definition] = [...cloud.model.taskDefinitions.values()].filter(({ family }) =>
    family.includes('_wal_'),
  );
  return definition?.container.environment[EnvironmentVariable.LeaseTable] ?? 'none';
}
