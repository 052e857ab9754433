import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseLsn } from '../../contract/wal-segments.ts';
import type { BenchCloud } from './bench-cloud.ts';
import { connect } from './bench-connection.ts';
import { DATABASE } from './dataset.ts';
import { inTurn, type Measurement, percentile } from './figures.ts';
import type { MeasureOptions } from './measure.ts';
import { startStreamer, stopStandby } from './streamer.ts';
import { type WalWatch, watchWal } from './wal-watch.ts';

const MIB = 1024 * 1024;
/** Pause between two commits whose way to the vault is timed, ms. */
const PROBE_EVERY_MS = 100;

export interface WalOptions extends MeasureOptions {
  /** WAL that each round sends, bytes. */
  readonly bytes: number;
  /** How long pgbench runs, seconds. */
  readonly seconds: number;
}

/** How much WAL one streamer takes from a server beside it, and how soon a commit is in the vault. */
export async function measureWal(
  bench: BenchCloud,
  { rounds, bytes, seconds, log }: WalOptions,
): Promise<Measurement> {
  const { primary } = bench.cloud;
  await stopStandby(bench);
  await prepareLoad(bench);
  const streamer = await startStreamer(bench);
  const watch = await watchWal(bench, await position(bench));
  const rates: number[] = [];
  const made: number[] = [];
  const took = await inTurn(
    rounds,
    {
      'WAL made and durable': async () => {
        const sent = await sendWal(bench, watch, bytes);
        rates.push(sent.bytes / 1e6 / sent.seconds);
        made.push(sent.bytes / 1e6 / sent.madeSeconds);
        return sent.seconds;
      },
    },
    log,
  );
  log(`pgbench for ${seconds} s`);
  const pgbench = primary.exec([
    ...['pgbench', '--no-vacuum', '--client=4', '--jobs=1', `--time=${seconds}`],
    ...['-p', String(primary.port), DATABASE],
  ]);
  const [lags, { stdout }] = await Promise.all([probe(bench, watch, pgbench), pgbench]);
  await watch.stop();
  const observed = await streamer.stop();
  return {
    title: 'WAL through one streamer into the locked vault, encrypted',
    figures: [
      {
        name: 'sustained, from the server that makes it to durable',
        value: Math.max(...rates),
        unit: 'MB/s',
        atLeast: 80,
      },
      {
        name: 'from commit to durable under pgbench, median',
        value: percentile(lags, 50),
        unit: 's',
        atMost: 3,
      },
      {
        name: 'from commit to durable under pgbench, 99 of 100',
        value: percentile(lags, 99),
        unit: 's',
        atMost: 6,
      },
      {
        name: "looks at which the slot's position was beyond the vault's",
        value: watch.steps > 0 ? watch.violations : Number.NaN,
        unit: 'looks',
        atMost: 0,
      },
      {
        name: "streamer's peak RSS, from outside",
        value: observed.peakRssBytes / MIB,
        unit: 'MiB',
        atMost: 192,
      },
    ],
    rounds: took,
    notes: {
      looks: watch.steps,
      commits: lags.length,
      'MB/s of each round': rates,
      'MB/s at which the server made it': made,
      pgbench: /^tps = .*$/m.exec(stdout)?.[0],
    },
  };
}

async function prepareLoad({ cloud: { primary } }: BenchCloud): Promise<void> {
  // Falling short is to be measured, not to cost the slot.
  await primary.query(`alter system set max_slot_wal_keep_size = '16GB'`);
  await primary.query('select pg_reload_conf()');
  const load = await readFile(fileURLToPath(new URL('wal-load.sql', import.meta.url)), 'utf8');
  const psql = ['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'rows=100000'];
  await primary.exec([...psql, '-p', String(primary.port), DATABASE], { input: load });
  await primary.query('create table probe (at timestamptz)', { database: DATABASE });
  await primary.exec([
    ...['pgbench', '--initialize', '--quiet', '--scale=10', '-p', String(primary.port), DATABASE],
  ]);
  await primary.query('checkpoint');
}

interface Sent {
  readonly bytes: number;
  /** From the first byte until the vault held the last. */
  readonly seconds: number;
  /** The server's own part of it. */
  readonly madeSeconds: number;
}

async function sendWal(bench: BenchCloud, watch: WalWatch, bytes: number): Promise<Sent> {
  const { primary } = bench.cloud;
  const first = await position(bench);
  const began = performance.now();
  await primary.query(`call make_wal(${bytes})`, { database: DATABASE });
  const made = performance.now();
  const last = await position(bench);
  // So that its end does not wait for the next increment.
  await primary.query('select pg_switch_wal()');
  const ended = await watch.durable(last);
  return {
    bytes: Number(last - first),
    seconds: (ended - began) / 1000,
    madeSeconds: (made - began) / 1000,
  };
}

/** Seconds from each commit's answer until the vault holds it, while the load runs. */
async function probe(
  bench: BenchCloud,
  watch: WalWatch,
  load: Promise<unknown>,
): Promise<number[]> {
  let over = false;
  const ended = (): void => {
    over = true;
  };
  void load.then(ended, ended);
  const connection = await connect(bench, bench.cloud.primary, DATABASE);
  const lags: Promise<number>[] = [];
  try {
    while (!over) {
      await connection.query('insert into probe values (clock_timestamp())');
      const committed = performance.now();
      const { rows } = await connection.query('select pg_current_wal_flush_lsn()::text as lsn');
      const { lsn } = rows[0] as { lsn: string };
      lags.push(watch.durable(parseLsn(lsn)).then((at) => Math.max(0, at - committed) / 1000));
      // Awaited below: until then a failure is nobody's yet.
      lags.at(-1)?.catch(() => undefined);
      await sleep(PROBE_EVERY_MS);
    }
  } finally {
    await connection.end();
  }
  return await Promise.all(lags);
}

async function position({ cloud: { primary } }: BenchCloud): Promise<bigint> {
  const { rows } = await primary.query('select pg_current_wal_flush_lsn()::text as lsn');
  return parseLsn((rows[0] as { lsn: string }).lsn);
}
