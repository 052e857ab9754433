import { randomBytes } from 'node:crypto';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { parseConnectionUri } from '../../../../containers/runner/source/connection-uri.ts';
import { askWalServer } from '../../../../containers/runner/wal/find-wal-server.ts';
import { ReplicationConnection } from '../../../../containers/runner/wal/replication-connection.ts';
import { findReached } from '../../../../containers/runner/wal/vault-reached.ts';
import { pathTo } from '../../../../contract/wal-coverage.ts';
import { walIncrementsPrefix } from '../../../../contract/wal-keys.ts';
import {
  formatLsn,
  parseLsn,
  segmentAt,
  segmentName,
  segmentStart,
} from '../../../../contract/wal-segments.ts';
import { completeUntil } from '../../../../vault/wal/complete-until.ts';
import { readWalCatalog } from '../../../../vault/wal/wal-catalog.ts';
import {
  composeFile,
  composeIncrement,
  putHistory,
  putIncrement,
  putSegment,
} from '../../../../vault/wal/wal-writer.ts';
import { type Certificates, makeCertificates } from '../../../local-cloud/servers/certificates.ts';
import { startForgetfulNetwork } from '../../../local-cloud/servers/forgetful-network.ts';
import { type PostgresServer, startLoneServer } from '../../../local-cloud/servers/postgres.ts';
import { DATA } from '../../../local-cloud/servers/postgres-scripts.ts';
import { type Run, startRun } from '../../../local-cloud/servers/run.ts';
import { startS3Proxy } from '../../../local-cloud/servers/s3-proxy.ts';
import { waitUntil } from '../../../local-cloud/servers/wait-until.ts';
import { openVault, type RealVault, startRealVault } from '../../../vault/real-vault.ts';
import { walVault } from '../../../vault/wal/real-wal.ts';
import {
  acknowledged,
  archivedUpTo,
  differences,
  flushedUpTo,
  SEGMENT_BYTES,
  waitForVault,
} from './archived-wal.ts';
import { SLOT, type Streamer, type StreamerOptions, startStreamer } from './streamer-fixture.ts';

let run: Run;
let certificates: Certificates;
let vault: RealVault;
let server: PostgresServer;
let streamer: Streamer | undefined;
let clusters = 0;
let cluster = '';

beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
  vault = await startRealVault();
  server = await startLoneServer({ run, certificates }, 'stream');
  await server.query(`ALTER SYSTEM SET wal_keep_size = '1GB'`);
  await server.query('SELECT pg_reload_conf()');
  await server.query('CREATE TABLE t (i int, x text)');
});
afterAll(async () => {
  await server.stop();
  await vault.stop();
  await run.stop();
});
afterEach(async () => {
  await streamer?.stop();
  streamer = undefined;
  await dropSlot();
});

async function dropSlot(): Promise<void> {
  await waitUntil(async () => (await acknowledged(server, SLOT)) === 0n, {
    what: 'the connection to end',
    timeoutMs: 120_000,
  });
  await server.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${SLOT}'`,
  );
}

function start(options: Partial<StreamerOptions> = {}): Streamer {
  const ca = certificates.caPem;
  streamer = startStreamer({ uris: [server.uri], ca, vault, cluster, ...options });
  return streamer;
}

function newCluster(): string {
  clusters += 1;
  cluster = `orders-${clusters}`;
  return cluster;
}

function archived(): Promise<bigint> {
  return waitForVault(server, SLOT, () =>
    (streamer?.lines ?? []).map((line) => JSON.stringify(line)).join('\n'),
  );
}

async function write(megabytes: number): Promise<void> {
  await server.query(
    `INSERT INTO t SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, ${megabytes * 950}) g`,
  );
}

test('all that the server writes gets into the vault, and is never said to be there before', async () => {
  newCluster();
  start();
  const from = await flushedUpTo(server);
  let over = false;
  const load = (async () => {
    for (let i = 0; i < 5; i += 1) await write(12);
    over = true;
  })();
  let steps = 0;
  let highest = 0n;
  while (!over) {
    const said = await acknowledged(server, SLOT);
    if (said > highest) {
      expect(await archivedUpTo(vault, cluster, 1, from)).toBeGreaterThanOrEqual(said);
      steps += 1;
      highest = said;
    }
  }
  await load;
  const to = await archived();
  expect(steps).toBeGreaterThan(2);
  expect(segmentAt(to, SEGMENT_BYTES) - segmentAt(from, SEGMENT_BYTES)).toBeGreaterThan(2);
  expect(await differences(vault, cluster, server, { timeline: 1, from, to })).toEqual([]);
});

test('an idle server costs nothing; what was written last is there after an increment', async () => {
  newCluster();
  start();
  const { rows } = await server.query('SELECT clock_timestamp() AS at');
  await write(1);
  const to = await archived();
  // All that the server had written shortly before it was sent, and nothing is promised of later.
  const catalog = await readWalCatalog(vault, cluster);
  const end = catalog.timelines[0]?.ranges.at(-1)?.to ?? 0n;
  const complete = (await completeUntil(vault, { path: pathTo(1, []), catalog }, end)) ?? '';
  expect(new Date(complete).getTime()).toBeGreaterThanOrEqual(
    (rows[0] as { at: Date }).at.getTime() - 1_000,
  );
  expect(new Date(complete).getTime()).toBeLessThanOrEqual(Date.now() - 1_000);
  const before = await increments();
  expect(before.length).toBeGreaterThan(0);
  // Several intervals; a standby's snapshot or a checkpoint may come in between.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const idle = await increments();
  if ((await flushedUpTo(server)) === to) expect(idle).toEqual(before);
  await server.query('CHECKPOINT');
  await archived();
  expect((await increments()).length).toBeGreaterThan(before.length);
});

test('told to stop, it brings what came last into the vault', async () => {
  newCluster();
  const streaming = start({ wal: { incrementSeconds: 60 } });
  const from = await flushedUpTo(server);
  await write(1);
  const to = await flushedUpTo(server);
  await waitUntil(() => streaming.progress.received >= to, {
    what: 'the WAL to arrive',
    timeoutMs: 120_000,
  });
  expect(await archivedUpTo(vault, cluster, 1, from)).toBeLessThan(to);
  await streaming.stop();
  expect(await archivedUpTo(vault, cluster, 1, from)).toBeGreaterThanOrEqual(to);
  expect(await differences(vault, cluster, server, { timeline: 1, from, to })).toEqual([]);
});

test('while S3 is away nothing is acknowledged, and the connection lives; then it catches up', async () => {
  newCluster();
  await set({ wal_sender_timeout: '4s' });
  const proxy = await startS3Proxy(vault.access.endpoint, vault.certificates);
  const through = openVault({ ...vault.access, endpoint: proxy.endpoint });
  try {
    const streaming = start({ more: { s3: through.s3 } });
    await write(1);
    const before = await archived();
    proxy.set({ operation: 'PutObject', fault: { kind: 'refuse', status: 503, code: 'SlowDown' } });
    const pid = await walSender();
    // More than memory takes: the server has to wait.
    await write(120);
    const to = await flushedUpTo(server);
    await waitUntil(() => streaming.said('vault write failed'), {
      what: 'a failure to be told',
      timeoutMs: 60_000,
    });
    // Beyond the time after which the server cuts off who is silent.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const said = await acknowledged(server, SLOT);
    expect(said).toBeLessThanOrEqual(await archivedUpTo(vault, cluster, 1, before));
    expect(await walSender()).toBe(pid);
    expect(streaming.progress.received).toBeLessThan(to);
    expect(streaming.progress.streaming).toBe(true);
    expect(streaming.progress.lagSeconds).toBeGreaterThan(5);
    proxy.clear();
    await archived();
    await waitUntil(() => streaming.progress.lagSeconds === 0, {
      what: 'the lag to end',
      timeoutMs: 60_000,
    });
    expect(await walSender()).toBe(pid);
    expect(await differences(vault, cluster, server, { timeline: 1, from: before, to })).toEqual(
      [],
    );
  } finally {
    await streamer?.stop();
    through.s3.destroy();
    await proxy.stop();
    await set({ wal_sender_timeout: undefined });
  }
});

test('a connection that is lost without a word is noticed, and made anew', async () => {
  newCluster();
  const network = await startForgetfulNetwork(server.port);
  try {
    const through = server.uri.replace(`:${server.port}/`, `:${network.port}/`);
    const patience = { reportMs: 50, askMs: 50, silentMs: 120_000 };
    const streaming = start({ uris: [through], patience });
    await write(1);
    await archived();
    // An idle server says nothing unless it is asked, but once in half a minute.
    const { progress } = streaming;
    const heard = vi.spyOn(progress, 'serverAt');
    await waitUntil(() => heard.mock.calls.length > 20, {
      what: 'the server to answer',
      timeoutMs: 60_000,
    });
    patience.silentMs = 2_000;
    const before = broken(streaming).length;
    network.forget();
    await waitUntil(() => broken(streaming).length > before, {
      what: 'the silence to be noticed',
      timeoutMs: 60_000,
    });
    expect(broken(streaming).at(before)).toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining('nothing has come from it for 2 seconds'),
    });
    await write(1);
    await archived();
    // So is a command that is never answered.
    const [target] = parseConnectionUri(through, 0);
    if (target === undefined) throw new Error('There is no server.');
    const access = { ca: certificates.caPem, caFile: '', applicationName: 'test' };
    const asked = await askWalServer({ target, uriIndex: 0 }, access);
    const connection = await ReplicationConnection.open(asked.server, 500);
    network.forget();
    await expect(connection.identify()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    await connection.close();
  } finally {
    await streamer?.stop();
    await network.stop();
  }
});

function broken(streaming: Streamer): Streamer['lines'] {
  return streaming.lines.filter(({ event }) => event === 'stream broken');
}

test('what waits in memory stays as it came, while more comes over the same connection', async () => {
  newCluster();
  const line = (type: string) => `hostnossl ${type} all 127.0.0.1/32 scram-sha-256`;
  const hba = `${line('all')}\n${line('replication')}\n`;
  await server.exec(['sh', '-c', `cat >> ${DATA}/pg_hba.conf`], { input: hba });
  await server.query('SELECT pg_reload_conf()');
  // Without TLS messages do not end where what the socket brings does: the client puts them together.
  const uris = [server.uri.replace('verify-full', 'disable')];
  const first = start({ uris });
  await write(1);
  const from = await archived();
  await first.stop();
  // There when it comes back, and sent as fast as it is taken.
  await write(60);
  const to = await flushedUpTo(server);
  start({ uris });
  await archived();
  expect(await differences(vault, cluster, server, { timeline: 1, from, to })).toEqual([]);
});

test('a slot that was lost is told, the gap is marked, and the WAL after it goes on', async () => {
  newCluster();
  const first = start();
  await write(1);
  await archived();
  await first.stop();
  await set({ wal_keep_size: '0', max_slot_wal_keep_size: '1MB' });
  try {
    for (let i = 0; i < 3; i += 1) {
      await write(17);
      await server.query('SELECT pg_switch_wal()');
      await server.query('CHECKPOINT');
    }
    await waitUntil(async () => (await slotStatus()) === 'lost', {
      what: 'the slot to be lost',
      timeoutMs: 120_000,
    });
    await set({ wal_keep_size: '1GB', max_slot_wal_keep_size: undefined });
    const second = start();
    await write(1);
    const to = await archived();
    expect(second.said('slot lost')).toBe(true);
    const gap = second.lines.find(({ event }) => event === 'wal gap');
    expect(gap).toMatchObject({ level: 'error', hint: expect.stringContaining('base backup') });
    expect(second.progress.gaps).toBe(1);
    const from = parseLsn(String(gap?.to));
    expect(await differences(vault, cluster, server, { timeline: 1, from, to })).toEqual([]);
    // It is not told anew each time.
    await second.stop();
    const third = start();
    await write(1);
    await archived();
    expect(third.progress.gaps).toBe(0);
    // On a server where the slot is new, the old gap is all that is missing.
    await third.stop();
    await dropSlot();
    await write(1);
    const fourth = start();
    const end = await archived();
    const told = fourth.lines.filter(({ event }) => event === 'wal gap');
    expect(told).toMatchObject([{ from: gap?.from, to: gap?.to }]);
    expect(await differences(vault, cluster, server, { timeline: 1, from, to: end })).toEqual([]);
    // Nor is anything given up that the slot holds behind a new one.
    await fourth.stop();
    await dropSlot();
    await set({ wal_keep_size: '0' });
    const wanted = segmentName(
      { timeline: 1, number: segmentAt(end, SEGMENT_BYTES) },
      SEGMENT_BYTES,
    );
    await waitUntil(() => removed(wanted), { what: 'WAL to be removed', timeoutMs: 120_000 });
    const { rows } = await server.query(
      `SELECT lsn::text FROM pg_create_physical_replication_slot('${SLOT}', true)`,
    );
    await set({ wal_keep_size: '1GB' });
    await write(40);
    // A new slot would hold what comes after it.
    await server.query('CHECKPOINT');
    const fifth = start();
    const last = await archived();
    const slot = segmentAt(parseLsn(String(rows[0].lsn)), SEGMENT_BYTES);
    const held = segmentStart(slot, SEGMENT_BYTES);
    const gaps = fifth.lines.filter(({ event }) => event === 'wal gap');
    expect(gaps.at(-1)).toMatchObject({ to: formatLsn(held) });
    expect(
      await differences(vault, cluster, server, { timeline: 1, from: held, to: last }),
    ).toEqual([]);
  } finally {
    await set({ wal_keep_size: '1GB', max_slot_wal_keep_size: undefined });
  }
});

test("another server's WAL under the cluster's name ends it", async () => {
  newCluster();
  const segment = segmentName({ timeline: 1, number: 3 }, SEGMENT_BYTES);
  const theirs = walVault(vault, { cluster, systemIdentifier: '42' });
  await putSegment(theirs, segment, await composeFile(theirs, segment, Buffer.alloc(100)));
  const refused = start();
  expect(await refused.ended).toMatchObject({
    code: 'WAL_CONFLICT',
    message: expect.stringContaining('the system 42'),
  });
});

test('a server with other bytes than the vault in the segment that goes on is not streamed from', async () => {
  newCluster();
  await write(1);
  const { rows } = await server.query('SELECT system_identifier::text FROM pg_control_system()');
  const { system_identifier: systemIdentifier } = rows[0] as { system_identifier: string };
  const ours = walVault(vault, { cluster, systemIdentifier });
  // As of a twin on the same timeline, or of this server before it was put back.
  const to = await flushedUpTo(server);
  const number = segmentAt(to, SEGMENT_BYTES);
  const length = Number(to - segmentStart(number, SEGMENT_BYTES));
  const segment = segmentName({ timeline: 1, number }, SEGMENT_BYTES);
  await putIncrement(ours, segment, 0, await composeIncrement(ours, randomBytes(length)));
  const before = await increments();
  const refused = start({ wal: { incrementSeconds: 0.2 } });
  expect(await refused.ended).toMatchObject({
    code: 'WAL_CONFLICT',
    message: expect.stringContaining('holds other bytes'),
  });
  expect(refused.said('wal gap')).toBe(false);
  expect(await increments()).toEqual(before);
  expect(await archivedUpTo(vault, cluster, 1, to)).toBe(to);
});

test('a timeline of which the vault has nothing but its history is not where it goes on', async () => {
  const ours = walVault(vault, { cluster: newCluster() });
  const segment = segmentName({ timeline: 1, number: 3 }, SEGMENT_BYTES);
  await putSegment(ours, segment, await composeFile(ours, segment, Buffer.alloc(100)));
  await putHistory(ours, '00000002.history', Buffer.from('1\t0/4000000\tno recovery target\n'));
  const options = { segmentBytes: SEGMENT_BYTES, own: () => 0n, server: 'a server' };
  const reached = { timeline: 1, end: segmentStart(4, SEGMENT_BYTES) };
  expect(await findReached(ours, { ...options, from: undefined })).toEqual(reached);
  expect(await findReached(ours, { ...options, from: reached.end + 1n })).toEqual(reached);
});

test('a server of another system is neither streamed from nor given a slot', async () => {
  newCluster();
  const stranger = await startLoneServer({ run, certificates }, 'stranger');
  try {
    const uris = [server.uri, stranger.uri];
    const streaming = start({ uris });
    await write(1);
    await archived();
    const told = () =>
      streaming.lines.some(
        ({ event, code }) => event === 'slot not held' && code === 'WAL_CONFLICT',
      );
    await waitUntil(told, { what: 'the stranger to be told of', timeoutMs: 120_000 });
    uris.shift();
    await server.query(`SELECT pg_terminate_backend(${await walSender()})`);
    expect(await streaming.ended).toMatchObject({
      code: 'WAL_CONFLICT',
      message: expect.stringContaining('what is streamed is WAL of the system'),
    });
    const { rows } = await stranger.query('SELECT slot_name FROM pg_replication_slots');
    expect(rows).toEqual([]);
  } finally {
    await stranger.stop();
  }
});

test('two that are started together write the same, and neither is hurt', async () => {
  newCluster();
  const from = await flushedUpTo(server);
  // Together, each through a slot of its own: what one sends, the other may have sent already.
  const [other, ca] = [`${SLOT}_2`, certificates.caPem];
  const first = start();
  const second = startStreamer({ uris: [server.uri], ca, vault, cluster, slot: other });
  await write(40);
  const to = await archived();
  await waitForVault(server, other);
  await second.stop();
  await waitUntil(async () => (await acknowledged(server, other)) === 0n, {
    what: 'the connection to end',
    timeoutMs: 120_000,
  });
  await server.query(`SELECT pg_drop_replication_slot('${other}')`);
  for (const streaming of [first, second]) {
    expect(streaming.said('stream broken'), JSON.stringify(streaming.lines)).toBe(false);
  }
  expect(await differences(vault, cluster, server, { timeline: 1, from, to })).toEqual([]);
});

test('a commit that waits for the vault comes back with it', async () => {
  newCluster();
  start({ wal: { synchronous: true, incrementSeconds: 60 } });
  const from = await flushedUpTo(server);
  await write(1);
  await archived();
  await set({ synchronous_standby_names: SLOT });
  try {
    for (let i = 0; i < 5; i += 1) {
      const { rows } = await server.query(
        `INSERT INTO t VALUES (${i}, 'synchronous') RETURNING pg_current_wal_insert_lsn()::text AS lsn`,
      );
      const reach = await archivedUpTo(vault, cluster, 1, from);
      expect(reach).toBeGreaterThan(parseLsn(String(rows[0].lsn)));
    }
  } finally {
    await set({ synchronous_standby_names: undefined });
  }
});

test('servers that must not be streamed from are refused, and asked again', async () => {
  newCluster();
  await server.query(`CREATE ROLE plain LOGIN PASSWORD 'plain'`);
  const plain = server.uriFor({ user: 'plain', password: 'plain' });
  expect(await refusal(plain)).toMatchObject({
    code: 'SOURCE_RIGHTS',
    hint: expect.stringContaining('ALTER ROLE plain REPLICATION'),
  });
  await set({ max_slot_wal_keep_size: '-1', synchronous_commit: 'remote_apply' });
  try {
    expect(await refusal(server.uri)).toMatchObject({
      code: 'SOURCE_SETTINGS',
      message: expect.stringContaining('max_slot_wal_keep_size'),
    });
    const wal = { synchronous: true, acceptUnlimitedRetention: true };
    expect(await refusal(server.uri, wal)).toMatchObject({
      code: 'SOURCE_SETTINGS',
      message: expect.stringContaining('remote_apply'),
    });
  } finally {
    await set({ max_slot_wal_keep_size: undefined, synchronous_commit: undefined });
  }
});

async function refusal(uri: string, wal: StreamerOptions['wal'] = {}): Promise<unknown> {
  const refused = start({ uris: [uri], wal });
  await waitUntil(() => broken(refused).length > 1, {
    what: 'two refusals',
    timeoutMs: 120_000,
  });
  await refused.stop();
  return refused.lines.find(({ event }) => event === 'stream broken');
}

/** Settings that need no restart; `undefined`: as they were. */
async function set(settings: Readonly<Record<string, string | undefined>>): Promise<void> {
  for (const [name, value] of Object.entries(settings)) {
    await server.query(
      value === undefined ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = '${value}'`,
    );
  }
  await server.query('SELECT pg_reload_conf()');
}

async function walSender(): Promise<number> {
  const { rows } = await server.query(
    `SELECT pid FROM pg_stat_replication WHERE application_name = '${SLOT}'`,
  );
  return Number(rows[0]?.pid ?? 0);
}

/** Makes the server let go of WAL, and tells whether it has removed a segment. */
async function removed(segment: string): Promise<boolean> {
  await write(1);
  await server.query('SELECT pg_switch_wal()');
  await server.query('CHECKPOINT');
  const { rows } = await server.query(`SELECT FROM pg_ls_waldir() WHERE name = '${segment}'`);
  return rows.length === 0;
}

async function slotStatus(): Promise<string> {
  const { rows } = await server.query(
    `SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${SLOT}'`,
  );
  return String(rows[0]?.wal_status);
}

async function increments(): Promise<string[]> {
  const { Contents = [] } = await vault.s3.send(
    new ListObjectsV2Command({ Bucket: vault.bucket, Prefix: walIncrementsPrefix(cluster, 1) }),
  );
  return Contents.map(({ Key }) => Key ?? '');
}
