import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { segmentAt } from '../../../../contract/wal-segments.ts';
import { type Certificates, makeCertificates } from '../../../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../../local-cloud/servers/run.ts';
import { waitUntil } from '../../../local-cloud/servers/wait-until.ts';
import { type RealVault, startRealVault } from '../../../vault/real-vault.ts';
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
  await waitUntil(async () => (await acknowledged(server, SLOT)) === 0n, {
    what: 'the connection to end',
    timeoutMs: 20_000,
  });
  await server.query(`SELECT pg_drop_replication_slot('${SLOT}')`);
});

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
