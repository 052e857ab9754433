import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatLsn, parseLsn } from '../../../../contract/wal-segments.ts';
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
import { archivedUpTo, flushedUpTo, waitForVault } from './archived-wal.ts';
import { SLOT, type Streamer, startStreamer } from './streamer-fixture.ts';

const CLUSTER = 'orders';

let run: Run;
let certificates: Certificates;
let vault: RealVault;
let postgres: Postgres;
let streamer: Streamer;
/** Where WAL was when the streamer began. */
let began: bigint;
/** What the secret names; read for each connection. */
const uris: string[] = [];

beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
  vault = await startRealVault();
  postgres = await startPostgres({ run, certificates });
  await postgres.primary.query('CREATE TABLE t (x text)');
  began = await flushedUpTo(postgres.primary);
  uris.push(postgres.standby.uri, postgres.primary.uri);
  streamer = start();
});
afterAll(async () => {
  await streamer?.stop();
  await postgres?.stop();
  await vault?.stop();
  await run?.stop();
});

function start(): Streamer {
  return startStreamer({ uris, ca: certificates.caPem, vault, cluster: CLUSTER });
}

const lines = (): string => streamer.lines.map((line) => JSON.stringify(line)).join('\n');

function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  return waitUntil(isSo, { what, timeoutMs: 120_000, explain: lines });
}

async function write(server: PostgresServer, megabytes: number): Promise<void> {
  await server.query(
    `INSERT INTO t SELECT repeat(md5(g::text), 30) FROM generate_series(1, ${megabytes * 950}) g`,
  );
}

async function slotOn(server: PostgresServer): Promise<bigint> {
  const { rows } = await server.query(
    `SELECT restart_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = '${SLOT}'`,
  );
  return parseLsn(String(rows[0]?.lsn ?? '0/0'));
}

/** Until all other servers have been asked, and their slots been looked after, since now. */
async function othersLookedAfter(): Promise<void> {
  // The second round begins when the first is over.
  for (const round of ['first', 'second']) {
    streamer.progress.twoPrimaries = false;
    await until(`the ${round} round`, () => streamer.progress.twoPrimaries);
  }
}

test('a standby that was promoted beside its primary is followed; that is told, and the primary keeps its WAL', async () => {
  const { primary, standby } = postgres;
  await write(primary, 1);
  await waitForVault(primary, SLOT, lines);
  await standby.waitForReplay();
  await until('the slot on the standby', async () => (await slotOn(standby)) > 0n);
  expect(streamer.said('two primaries')).toBe(false);
  await standby.query('SELECT pg_promote()');
  await until('two primaries to be told', () => streamer.said('two primaries'));
  expect(streamer.lines.filter(({ event }) => event === 'two primaries')).toMatchObject([
    {
      ...{ level: 'error', streamed: `${standby.host}:${standby.port}`, timeline: 2 },
      ...{ other: `${primary.host}:${primary.port}`, otherTimeline: 1 },
      hint: expect.stringContaining('does not get into the vault'),
    },
  ]);
  await write(primary, 20);
  await write(standby, 20);
  await waitForVault(standby, SLOT, lines);
  await othersLookedAfter();
  const kept = await archivedUpTo(vault, CLUSTER, 1, began);
  expect(kept).toBeLessThan(await flushedUpTo(primary));
  expect(await slotOn(primary)).toBeLessThanOrEqual(kept);
});

test('once it is gone again, the primary goes on on a timeline that nobody has', async () => {
  const { primary, standby } = postgres;
  const taken = await standby.exec(['cat', `${DATA}/pg_wal/00000002.history`]);
  uris.shift();
  await standby.stop();
  const refused = () =>
    streamer.lines.find(
      ({ event, code }) => event === 'source refused' && code === 'SOURCE_CHANGED',
    );
  await until('the primary to be refused', () => refused() !== undefined);
  expect(refused()).toMatchObject({
    hint: expect.stringMatching(/standby of the new one.* promoted by mistake/),
  });
  await streamer.stop();
  // As docs/notifications.md has it.
  const history = `cat > ${DATA}/pg_wal/00000002.history`;
  await primary.exec(['sh', '-c', history], { input: taken.stdout });
  await primary.query("ALTER SYSTEM SET recovery_target_timeline = 'current'");
  await promote(primary);
  await primary.query('ALTER SYSTEM RESET recovery_target_timeline');
  await write(primary, 1);
  streamer = start();
  await waitForVault(primary, SLOT, lines);
  expect(streamer.lines.filter(({ event }) => event === 'streaming')).toMatchObject([
    { timeline: 3 },
  ]);
});

test('a primary that was put back to before the end of the vault ends the stream; on a timeline of its own it goes on', async () => {
  const { primary } = postgres;
  const copy = '/tmp/copy';
  await streamer.stop();
  await primary.crash(async () => {
    await primary.exec(['cp', '-a', DATA, copy]);
  });
  streamer = start();
  await write(primary, 2);
  const end = await waitForVault(primary, SLOT, lines);
  await streamer.stop();
  await primary.crash(async () => {
    await primary.exec(['sh', '-c', `rm -rf ${DATA}/* && cp -a ${copy}/. ${DATA}/`]);
  });
  const behind = await flushedUpTo(primary);
  expect(behind).toBeLessThan(end);
  streamer = start();
  expect(await streamer.ended).toMatchObject({
    code: 'WAL_CONFLICT',
    message: expect.stringMatching(
      `has WAL up to .* of timeline 3, .* up to ${formatLsn(end)}: it was put back`,
    ),
    hint: expect.stringContaining('--target-timeline 3'),
  });
  await promote(primary);
  await write(primary, 1);
  streamer = start();
  await waitForVault(primary, SLOT, lines);
  expect(streamer.lines.filter(({ event }) => event === 'streaming')).toMatchObject([
    { timeline: 4 },
  ]);
  // What was never undone in the vault.
  expect(await archivedUpTo(vault, CLUSTER, 3, behind)).toBeGreaterThanOrEqual(end);
});

/** Gives a server that was a primary a timeline of its own. */
async function promote(server: PostgresServer): Promise<void> {
  await server.crash(async () => {
    await server.exec(['touch', `${DATA}/standby.signal`]);
  });
  await server.query('SELECT pg_promote()');
}
