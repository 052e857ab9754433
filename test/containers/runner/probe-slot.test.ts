import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askSlot } from '../../../containers/runner/probe-wal/ask-slot.ts';
import { dropSlot } from '../../../containers/runner/probe-wal/drop-slot.ts';
import { judgeSlot } from '../../../containers/runner/probe-wal/retention-plan.ts';
import { warningsOf } from '../../../containers/runner/source/abandoned-slot.ts';
import { BACKUP_ROLE, prepareSource } from '../../local-cloud/seed.ts';
import { type Certificates, makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { podman } from '../../local-cloud/servers/container.ts';
import {
  type Postgres,
  type PostgresServer,
  startPostgres,
} from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { waitUntil } from '../../local-cloud/servers/wait-until.ts';

const SLOT = 'holdfast_test__orders';
const OPTIONS = { retainedAlarmMiB: 1000, retainedDropMiB: 0 };

let run: Run;
let certificates: Certificates;
let postgres: Postgres;
const clients: pg.Client[] = [];
beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
  postgres = await startPostgres({ run, certificates });
  await prepareSource(postgres.primary, { replication: true });
  await postgres.standby.waitForReplay();
}, 120_000);
afterAll(async () => {
  for (const client of clients) await client.end();
  await postgres.stop();
  await run.stop();
});

/** A session of the backup role. */
async function session(server: PostgresServer): Promise<pg.Client> {
  const { host, port } = server;
  const ssl = { ca: certificates.caPem };
  const client = new pg.Client({ host, port, database: 'postgres', ...BACKUP_ROLE, ssl });
  await client.connect();
  clients.push(client);
  return client;
}

const create = (client: pg.Client) =>
  client.query('select pg_create_physical_replication_slot($1, true)', [SLOT]);

test('a slot that nobody has made is missing, on a primary and on a standby', async () => {
  for (const server of [postgres.primary, postgres.standby]) {
    const facts = await askSlot(await session(server), SLOT);
    expect(facts).toMatchObject({ retainedBytes: 0, keepBytes: 2 ** 31 });
    expect(judgeSlot(facts, OPTIONS)).toBe('missing');
  }
});

test('what a slot holds back grows with what is written, on both', async () => {
  const [primary, standby] = [await session(postgres.primary), await session(postgres.standby)];
  await create(primary);
  await create(standby);
  const before = await askSlot(primary, SLOT);
  await postgres.primary.query(
    `select pg_logical_emit_message(false, 'test', repeat('x', 1000000)) from generate_series(1, 5)`,
  );
  await postgres.standby.waitForReplay();
  for (const client of [primary, standby]) {
    const facts = await askSlot(client, SLOT);
    expect(facts.walStatus).toBe('reserved');
    expect(facts.retainedBytes).toBeGreaterThan(before.retainedBytes + 4_999_999);
    expect(judgeSlot(facts, { retainedAlarmMiB: 1, retainedDropMiB: 0 })).toBe('alarm');
    expect(judgeSlot(facts, { retainedAlarmMiB: 1, retainedDropMiB: 2 })).toBe('drop');
  }
});

test('a backup of a cluster that has no streamer says how to get rid of it', async () => {
  const client = await session(postgres.standby);
  expect(await warningsOf(client, 'holdfast_test__other', 'db:5432')).toEqual([]);
  const [warning, ...more] = await warningsOf(client, SLOT, 'db:5432');
  expect(more).toEqual([]);
  expect(warning).toMatch(/^db:5432 keeps all its WAL from [0-9A-F]+\/[0-9A-F]+ on for the /);
  const sql = `SELECT pg_drop_replication_slot('${SLOT}');`;
  expect(warning).toContain(`Run on every server of the cluster: ${sql}`);
  await client.query(sql);
  expect(await warningsOf(client, SLOT, 'db:5432')).toEqual([]);
});

test('one that a streamer holds, and takes again whenever it is cut off, is dropped all the same', async () => {
  const { primary } = postgres;
  const client = await session(primary);
  const receiver = podman([
    ...['exec', '--user', 'postgres', '--env', `PGPASSWORD=${BACKUP_ROLE.password}`],
    ...[primary.container, 'sh', '-c'],
    // It ends only once the slot is gone for good.
    `cd /tmp && mkdir -p wal && while /usr/lib/postgresql/17/bin/pg_receivewal --no-loop -D wal -S ${SLOT} \\
       -d "host=127.0.0.1 port=${primary.port} user=${BACKUP_ROLE.user} sslmode=verify-full sslrootcert=/var/lib/postgresql/tls/ca.pem" \\
       2>receive.log || ! grep -q 'does not exist' receive.log; do :; done`,
  ]);
  await waitUntil(
    async () => {
      const { rows } = await client.query(
        'select active from pg_replication_slots where slot_name = $1',
        [SLOT],
      );
      return rows[0]?.active === true;
    },
    { what: 'the receiver to hold the slot', timeoutMs: 120_000 },
  );
  await dropSlot(client, SLOT);
  expect((await askSlot(client, SLOT)).walStatus).toBeUndefined();
  await receiver;
  // And once more, of one that is gone.
  await dropSlot(client, SLOT);
}, 180_000);

test('a slot whose WAL the server has removed is lost, and holds nothing back any more', async () => {
  const { primary } = postgres;
  const client = await session(primary);
  await create(client);
  await primary.query(`alter system set max_slot_wal_keep_size = '1MB'`);
  await primary.query('select pg_reload_conf()');
  for (let segment = 0; segment < 4; segment += 1) {
    await primary.query(`select pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()`);
  }
  await waitUntil(
    async () => {
      // WAL that is not summarized yet is kept whatever the limit.
      await primary.query('checkpoint');
      return (await askSlot(client, SLOT)).walStatus === 'lost';
    },
    { what: 'the slot to lose its WAL', timeoutMs: 120_000, intervalMs: 500 },
  );
  const facts = await askSlot(client, SLOT);
  expect(facts).toMatchObject({ keepBytes: 1024 * 1024 });
  expect(judgeSlot(facts, OPTIONS)).toBe('lost');
}, 180_000);
