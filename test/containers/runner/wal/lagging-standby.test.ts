import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConnectionUri } from '../../../../containers/runner/source/connection-uri.ts';
import { askWalServer } from '../../../../containers/runner/wal/find-wal-server.ts';
import { holdOn } from '../../../../containers/runner/wal/slots.ts';
import { pathTo } from '../../../../contract/wal-coverage.ts';
import { segmentAt, segmentStart } from '../../../../contract/wal-segments.ts';
import { completeUntil } from '../../../../vault/wal/complete-until.ts';
import { readWalCatalog } from '../../../../vault/wal/wal-catalog.ts';
import { type Certificates, makeCertificates } from '../../../local-cloud/servers/certificates.ts';
import { type Postgres, startPostgres } from '../../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../../local-cloud/servers/run.ts';
import { startS3Proxy } from '../../../local-cloud/servers/s3-proxy.ts';
import { waitUntil } from '../../../local-cloud/servers/wait-until.ts';
import { openVault, type RealVault, startRealVault } from '../../../vault/real-vault.ts';
import {
  archivedUpTo,
  differences,
  flushedUpTo,
  SEGMENT_BYTES,
  waitForVault,
} from './archived-wal.ts';
import { SLOT, type Streamer, startStreamer, WAL_OPTIONS } from './streamer-fixture.ts';

const CLUSTER = 'orders';

let run: Run;
let certificates: Certificates;
let vault: RealVault;
let postgres: Postgres;
let streamer: Streamer | undefined;

beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
  vault = await startRealVault();
  postgres = await startPostgres({ run, certificates });
});
afterAll(async () => {
  await streamer?.stop();
  await postgres?.stop();
  await vault?.stop();
  await run?.stop();
});

test('of a timeline that begins before the end of the vault nothing counts as stored unseen', async () => {
  const { primary, standby } = postgres;
  // All of it in one segment.
  await primary.query('SELECT pg_switch_wal()');
  await primary.query('CREATE TABLE t (x text)');
  await standby.waitForReplay();
  await standby.query(`ALTER SYSTEM SET primary_conninfo = ''`);
  await standby.query('SELECT pg_reload_conf()');
  const here = startStreamer({
    ...{ uris: [primary.uri, standby.uri], ca: certificates.caPem, vault, cluster: CLUSTER },
  });
  streamer = here;
  const lines = (): string => here.lines.map((line) => JSON.stringify(line)).join('\n');
  const explain = { timeoutMs: 60_000, explain: lines };
  // What the standby never gets.
  await primary.query(`INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 1000)`);
  const ahead = await waitForVault(primary, SLOT, lines);
  await primary.stop();
  const fromStandby = () =>
    here.lines.some(
      ({ event, server }) => event === 'streaming' && server === `${standby.host}:${standby.port}`,
    );
  await waitUntil(fromStandby, { what: 'the standby to be streamed from', ...explain });
  // What others sent is none of its business: its slot would pass its own WAL.
  let told: unknown[] = [];
  const isTold = async (): Promise<boolean> => {
    const { rows } = await standby.query(
      `SELECT flush_lsn <= pg_last_wal_receive_lsn() AS within FROM pg_stat_replication WHERE flush_lsn IS NOT NULL`,
    );
    told = rows;
    return told.length > 0;
  };
  await waitUntil(isTold, { what: 'the standby to be told what is stored', ...explain });
  expect(told).toEqual([{ within: true }]);
  const stuck = await startWithoutPartials(standby.uri);
  await standby.query('SELECT pg_promote()');
  await stuck.stopsBeforeItIsStored();
  await standby.query('CREATE TABLE after_failover AS SELECT 1 AS i');
  const to = await flushedUpTo(standby);
  expect(to).toBeLessThan(ahead);
  const from = segmentStart(segmentAt(to, SEGMENT_BYTES), SEGMENT_BYTES);
  await waitUntil(async () => (await archivedUpTo(vault, CLUSTER, 2, from)) >= to, {
    ...{ what: 'the new timeline to be in the vault', ...explain },
  });
  expect(await differences(vault, CLUSTER, standby, { timeline: 2, from, to })).toEqual([]);
  // What was lost with the primary is waited for no more.
  await waitUntil(() => here.progress.lagBytes === 0, { what: 'the lag to end', ...explain });
  // By the word of a primary, which it has become.
  const catalog = await readWalCatalog(vault, CLUSTER);
  const end = catalog.timelines.at(-1)?.ranges.at(-1)?.to ?? 0n;
  expect(await completeUntil(vault, { path: pathTo(2, []), catalog }, end)).toBeDefined();
});

test('the slot of a standby that was promoted is not moved to where the timeline before came', async () => {
  const { standby } = postgres;
  const [target] = parseConnectionUri(standby.uri, 0);
  if (target === undefined) throw new Error('There is no server.');
  const access = { ca: certificates.caPem, caFile: '', applicationName: 'test' };
  const { server } = await askWalServer({ target, uriIndex: 0 }, access);
  const position = async (): Promise<unknown> => {
    const { rows } = await standby.query(
      "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'held'",
    );
    return rows[0];
  };
  // As far as anything may be stored.
  const lsn = 1n << 62n;
  await holdOn(server, 'held', { lsn, primaryOn: 1 }, WAL_OPTIONS);
  const before = await position();
  await standby.query('CREATE TABLE of_the_new_timeline ()');
  // Nor where an earlier primary has come, or any while another one is streamed from.
  for (const primaryOn of [1, 3, 0]) {
    await holdOn(server, 'held', { lsn, primaryOn }, WAL_OPTIONS);
    expect(await position()).toEqual(before);
  }
  await holdOn(server, 'held', { lsn, primaryOn: 2 }, WAL_OPTIONS);
  expect(await position()).not.toEqual(before);
});

/** A streamer that cannot bring the end of a timeline into its vault. */
async function startWithoutPartials(uri: string) {
  const proxy = await startS3Proxy(vault.access.endpoint, vault.certificates);
  const through = openVault({ ...vault.access, endpoint: proxy.endpoint });
  const denied = { kind: 'refuse', status: 403, code: 'AccessDenied' } as const;
  const trap = proxy.set({ operation: 'PutObject', key: /\.partial$/, fault: denied });
  const stuck = startStreamer({
    ...{ uris: [uri], ca: certificates.caPem, vault, cluster: 'stuck', slot: `${SLOT}_stuck` },
    more: { s3: through.s3 },
  });
  const explain = () => stuck.lines.map((line) => JSON.stringify(line)).join('\n');
  await waitUntil(() => stuck.progress.received > 0n, {
    ...{ what: 'WAL to come', timeoutMs: 60_000, explain },
  });
  return {
    stopsBeforeItIsStored: async () => {
      const tried = () =>
        stuck.lines.some(
          ({ event, what }) => event === 'vault write failed' && String(what).endsWith('.partial'),
        );
      await waitUntil(tried, { what: 'the partial to be refused', timeoutMs: 60_000, explain });
      // Nothing is received meanwhile, and that is told.
      expect(stuck.progress.streaming).toBe(false);
      expect((await stuck.stop()).message).toContain('told to stop');
      expect(trap.met).toBeGreaterThan(0);
      through.s3.destroy();
      await proxy.stop();
    },
  };
}
