import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { historiesOf } from '../../../../containers/runner/wal/same-timelines.ts';
import { parseTimelineHistory } from '../../../../contract/timeline-history.ts';
import { walFileKey } from '../../../../contract/wal-keys.ts';
import {
  parseLsn,
  segmentAt,
  segmentName,
  segmentStart,
} from '../../../../contract/wal-segments.ts';
import { findObject } from '../../../../vault/listed-objects.ts';
import { readWalCatalog } from '../../../../vault/wal/wal-catalog.ts';
import { headWal } from '../../../../vault/wal/wal-head.ts';
import { putHistory } from '../../../../vault/wal/wal-writer.ts';
import { type Certificates, makeCertificates } from '../../../local-cloud/servers/certificates.ts';
import {
  type Postgres,
  type PostgresServer,
  startPostgres,
} from '../../../local-cloud/servers/postgres.ts';
import { DATA } from '../../../local-cloud/servers/postgres-scripts.ts';
import { type Run, startRun } from '../../../local-cloud/servers/run.ts';
import { waitUntil } from '../../../local-cloud/servers/wait-until.ts';
import { type RealVault, startRealVault } from '../../../vault/real-vault.ts';
import { walVault } from '../../../vault/wal/real-wal.ts';
import { HOME, startRestoreHost } from '../../restore-physical/restore-host.ts';
import { takeBase } from '../../restore-physical/take-base.ts';
import {
  archivedSegment,
  archivedUpTo,
  differences,
  flushedUpTo,
  SEGMENT_BYTES,
  waitForVault,
} from './archived-wal.ts';
import { SLOT, type Streamer, startStreamer } from './streamer-fixture.ts';

const CLUSTER = 'orders';
const LABEL = '20261120T040000Z-physical-full-8a4b0d';

const HISTORY = `${DATA}/pg_wal/00000002.history`;

let run: Run;
let certificates: Certificates;
let vault: RealVault;
let postgres: Postgres;
let streamer: Streamer;
/** Where WAL was when the streamer began. */
let began: bigint;

beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
  vault = await startRealVault();
  postgres = await startPostgres({ run, certificates });
  await postgres.primary.query('CREATE TABLE t (i int, x text)');
  await takeBase(postgres.primary, vault, { label: LABEL });
  began = await flushedUpTo(postgres.primary);
  streamer = start();
});
afterAll(async () => {
  await streamer.stop();
  await postgres.stop();
  await vault.stop();
  await run.stop();
});

function start(uris = [postgres.standby.uri, postgres.primary.uri]): Streamer {
  return startStreamer({
    uris,
    ca: certificates.caPem,
    vault,
    cluster: CLUSTER,
    // What is archived by increments alone is told from what whole segments bring.
    wal: { incrementSeconds: 0.5 },
  });
}

const lines = (): string => streamer.lines.map((line) => JSON.stringify(line)).join('\n');

async function write(server: PostgresServer, megabytes: number): Promise<void> {
  await server.query(
    `INSERT INTO t SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, ${megabytes * 950}) g`,
  );
}

async function slotOn(server: PostgresServer): Promise<bigint> {
  const { rows } = await server.query(
    `SELECT restart_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = '${SLOT}'`,
  );
  return parseLsn(String(rows[0]?.lsn ?? '0/0'));
}

test('the primary is streamed from, and the standby holds what the vault has not', async () => {
  const { primary, standby } = postgres;
  await write(primary, 20);
  const to = await waitForVault(primary, SLOT, lines);
  // Not past its own replay.
  await standby.waitForReplay();
  await waitUntil(async () => (await slotOn(standby)) >= to, {
    what: "the standby's slot to follow",
    timeoutMs: 120_000,
    explain: lines,
  });
  expect(await slotOn(standby)).toBeLessThanOrEqual(await archivedUpTo(vault, CLUSTER, 1, began));
});

test('what a standby has removed is not given up while the primary may have it', async () => {
  const { primary, standby } = postgres;
  await streamer.stop();
  const from = await archivedUpTo(vault, CLUSTER, 1, began);
  await write(primary, 40);
  const first = segmentName({ timeline: 1, number: segmentAt(from, SEGMENT_BYTES) }, SEGMENT_BYTES);
  await waitUntil(() => forgets(first), { what: 'the standby to forget', timeoutMs: 120_000 });
  const uris = [standby.uri, primary.uri.replace(`:${primary.port}/`, ':1/')];
  streamer = start(uris);
  const waited = () =>
    streamer.lines.some(
      ({ event, code }) => event === 'stream broken' && code === 'SOURCE_CHANGED',
    );
  await waitUntil(waited, { what: 'the primary to be missed', timeoutMs: 120_000, explain: lines });
  uris[1] = primary.uri;
  const to = await waitForVault(primary, SLOT, lines);
  expect(streamer.progress.gaps).toBe(0);
  expect(await differences(vault, CLUSTER, primary, { timeline: 1, from, to })).toEqual([]);
});

/** Takes the standby's hold on WAL away, and tells whether it has removed a segment. */
async function forgets(segment: string): Promise<boolean> {
  const { primary, standby } = postgres;
  await standby.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${SLOT}'`,
  );
  await primary.query('CHECKPOINT');
  await standby.waitForReplay();
  await standby.query('CHECKPOINT');
  const { rows } = await standby.query(`SELECT FROM pg_ls_waldir() WHERE name = '${segment}'`);
  return rows.length === 0;
}

test('a primary that must not be streamed from does not keep a standby from it', async () => {
  const { primary } = postgres;
  await streamer.stop();
  await setKeep(`SET max_slot_wal_keep_size = '-1'`);
  await primary.query(`SELECT pg_drop_replication_slot('${SLOT}')`);
  try {
    streamer = start();
    await write(primary, 1);
    const to = await flushedUpTo(primary);
    await waitUntil(async () => (await archivedUpTo(vault, CLUSTER, 1, began)) >= to, {
      ...{ what: 'the WAL to come from the standby', timeoutMs: 120_000, explain: lines },
    });
    expect(streamer.said('source refused')).toBe(true);
    // Nor does it get a slot, which would hold back WAL without a limit.
    const notHeld = () =>
      streamer.lines.some(
        ({ event, code }) => event === 'slot not held' && code === 'SOURCE_SETTINGS',
      );
    await waitUntil(notHeld, { what: 'the slot', timeoutMs: 120_000, explain: lines });
    expect(await slotOn(primary)).toBe(0n);
  } finally {
    await setKeep('RESET max_slot_wal_keep_size');
  }
  await streamer.stop();
  streamer = start();
});

async function setKeep(how: string): Promise<void> {
  await postgres.primary.query(`ALTER SYSTEM ${how}`);
  await postgres.primary.query('SELECT pg_reload_conf()');
}

test('a failover in mid-segment is followed, and nothing is lost', async () => {
  const { primary, standby } = postgres;
  const from = segmentStart(segmentAt(await flushedUpTo(primary), SEGMENT_BYTES), SEGMENT_BYTES);
  await write(primary, 20);
  // The switch is to leave most of its segment to the new timeline.
  await primary.query('SELECT pg_switch_wal()');
  await primary.query('CREATE TABLE before_failover AS SELECT 1 AS i');
  await standby.waitForReplay();
  await primary.stop();
  // As it is for as long as nobody has promoted it yet.
  const fromStandby = () =>
    streamer.lines.some(
      ({ event, server }) => event === 'streaming' && server === `${standby.host}:${standby.port}`,
    );
  await waitUntil(fromStandby, {
    ...{ what: 'the standby to be streamed from', timeoutMs: 120_000, explain: lines },
  });
  await standby.query('SELECT pg_promote()');
  await standby.query('CREATE TABLE after_failover AS SELECT 1 AS i');
  // Of the segment that both timelines share nothing but increments is there yet.
  const early = await waitForVault(standby, SLOT, lines);
  const shared = segmentAt(parseLsn(await switchPoint(standby)), SEGMENT_BYTES);
  expect(segmentAt(early, SEGMENT_BYTES)).toBe(shared);
  expect(
    await differences(vault, CLUSTER, standby, {
      ...{ timeline: 2, from: segmentStart(shared, SEGMENT_BYTES), to: early },
    }),
  ).toEqual([]);
  await write(standby, 20);
  await waitForVault(standby, SLOT, lines);
  const to = await flushedUpTo(standby);
  expect(streamer.said('timeline left')).toBe(true);
  const switched = parseLsn(await switchPoint(standby));
  const number = segmentAt(switched, SEGMENT_BYTES);
  // On the old timeline what was before, on the new one all from the segment's beginning.
  const old = segmentName({ timeline: 1, number }, SEGMENT_BYTES);
  const partial = await archivedSegment(vault, CLUSTER, `${old}.partial`);
  const kept = await archivedSegment(
    vault,
    CLUSTER,
    segmentName({ timeline: 2, number }, SEGMENT_BYTES),
  );
  const length = Number(switched - segmentStart(number, SEGMENT_BYTES));
  expect(length).toBeGreaterThan(0);
  expect(partial?.subarray(0, length).equals(kept?.subarray(0, length) ?? Buffer.alloc(0))).toBe(
    true,
  );
  expect(await findObject(vault, walFileKey(CLUSTER, '00000002.history'))).toBeDefined();
  const second = { timeline: 2, from: segmentStart(number, SEGMENT_BYTES), to };
  expect(await differences(vault, CLUSTER, standby, second)).toEqual([]);
  expect(await archivedUpTo(vault, CLUSTER, 1, from)).toBeGreaterThanOrEqual(
    segmentStart(number, SEGMENT_BYTES),
  );
});

test('a streamer that starts on an empty disk after it goes on where the vault ends', async () => {
  const { standby } = postgres;
  await streamer.stop();
  await write(standby, 20);
  streamer = start();
  const to = await waitForVault(standby, SLOT, lines);
  expect(streamer.progress.gaps).toBe(0);
  const switched = parseLsn(await switchPoint(standby));
  const from = segmentStart(segmentAt(switched, SEGMENT_BYTES), SEGMENT_BYTES);
  expect(await differences(vault, CLUSTER, standby, { timeline: 2, from, to })).toEqual([]);
});

test('a server that was promoted onto the same timeline, but elsewhere, is not streamed from', async () => {
  const { standby } = postgres;
  const twins = 'twins';
  const ours = walVault(vault, { cluster: twins, systemIdentifier: await systemOf(standby) });
  const text = Buffer.from('1\t0/3000028\tno recovery target specified\n');
  await putHistory(ours, '00000002.history', text);
  const [slot, ca] = [`${SLOT}_twins`, certificates.caPem];
  const refused = startStreamer({ uris: [standby.uri], ca, vault, cluster: twins, slot });
  expect(await refused.ended).toMatchObject({
    code: 'WAL_CONFLICT',
    message: expect.stringContaining(
      `has a timeline 2 of its own, which left timeline 1 at ${await switchPoint(standby)}`,
    ),
    hint: expect.stringContaining('promoted onto timeline 2'),
  });
  expect(refused.said('wal gap')).toBe(false);
  expect(refused.said('streaming')).toBe(false);
  const { timelines } = await readWalCatalog(vault, twins);
  expect(timelines).toMatchObject([{ timeline: 2, ranges: [] }]);
  await standby.query(`SELECT pg_drop_replication_slot('${slot}')`);
});

test('a base backup of before it is brought to the end of the new timeline', async () => {
  const host = await startRestoreHost(run, vault);
  try {
    const directory = `${HOME}/restored`;
    const { exitCode, stdout, stderr } = await host.holdfast([
      ...['restore', '--kind', 'physical', '--cluster', CLUSTER, '--json'],
      ...['--directory', directory],
    ]);
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ label: LABEL, state: 'promoted', timeline: 3 });
    const sums = 'SELECT count(*), sum(i) FROM t, (SELECT FROM before_failover) AS there';
    const { rows } = await postgres.standby.query(sums);
    expect(await host.ask(directory, sums)).toBe(Object.values(rows[0] as object).join('|'));
    // What a timeline's history says of its parent is the parent's own, to the byte.
    const third = await host.run(['cat', `${directory}/pg_wal/00000003.history`]);
    const historyText = Buffer.from(`${third.stdout}\n`);
    const history = parseTimelineHistory(historyText.toString(), 3, 'the third');
    const [second] = historiesOf({ timeline: 3, history, historyText });
    expect(second).toMatchObject({ timeline: 2, began: { timeline: 1 } });
    const kept = await findObject(vault, walFileKey(CLUSTER, '00000002.history'));
    if (kept === undefined) throw new Error('The vault has no history.');
    const sha256 = createHash('sha256')
      .update(second?.text ?? '')
      .digest('hex');
    expect((await headWal(vault, kept)).metadata.sha256).toBe(sha256);
  } finally {
    await host.stop();
  }
});

async function switchPoint(server: PostgresServer): Promise<string> {
  const { stdout } = await server.exec(['cat', HISTORY]);
  return /^1\t(\S+)/.exec(stdout)?.[1] ?? '';
}

async function systemOf(server: PostgresServer): Promise<string> {
  const { rows } = await server.query(
    'SELECT system_identifier::text AS system FROM pg_control_system()',
  );
  return String(rows[0]?.system);
}
