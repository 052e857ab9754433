import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseLsn, parseSegmentName } from '../../../contract/wal-segments.ts';
import { indexSegment } from '../../../vault/wal/index-segment.ts';
import { WalIndexer } from '../../../vault/wal/wal-indexer.ts';
import { type Certificates, makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { podmanBytes } from '../../local-cloud/servers/container.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { DATA } from '../../local-cloud/servers/postgres-scripts.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';

const SEGMENT = 16 * 1024 * 1024;

let run: Run;
let certificates: Certificates;

beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
});
afterAll(() => run.stop());

/** What pg_waldump, the server's own program, says of a transaction's end. */
interface Dumped {
  readonly xid: number;
  readonly committed: boolean;
  /** To the microsecond, in UTC. */
  readonly at: string;
  readonly end: bigint;
}

describe.each([15, 17, 18])('the index of WAL of PostgreSQL %i', (major) => {
  let server: PostgresServer;
  let segments: { name: string; start: bigint; bytes: Buffer }[];
  let dumped: Dumped[];
  const restorePoints: { name: string; lsn: string }[] = [];

  beforeAll(async () => {
    server = await startLoneServer({ run, certificates, major }, `wal-${major}`);
    await server.query(WORKLOAD);
    await server.query('ALTER SYSTEM SET max_prepared_transactions = 5');
    await server.crash();
    await server.query(`BEGIN; INSERT INTO t SELECT 1, 'x'; PREPARE TRANSACTION 'p1'`);
    await server.query(`COMMIT PREPARED 'p1'`);
    await subtransactions(server);
    for (let i = 0; i < 3; i += 1) {
      await server.query(
        `INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 12000) g`,
      );
      const name = `point ${i}`;
      const { rows } = await server.query(`SELECT pg_create_restore_point('${name}') AS lsn`);
      restorePoints.push({ name, lsn: String(rows[0].lsn) });
      await sleep(2);
      await server.query('UPDATE t SET i = i + 1 WHERE i % 7 = 0');
    }
    await server.query('SELECT pg_switch_wal()');
    await server.query(`INSERT INTO t VALUES (1, 'after the switch')`);
    const { rows } = await server.query('SELECT pg_walfile_name(pg_switch_wal()) AS last');
    segments = await readSegments(server, String(rows[0].last));
    dumped = await dumpTransactions(server, major, segments);
  });
  afterAll(() => server.stop());

  test('holds what pg_waldump finds', () => {
    expect(segments.length).toBeGreaterThanOrEqual(3);
    expect(dumped.length).toBeGreaterThan(10);
    expect(dumped.some(({ committed }) => !committed)).toBe(true);
    const indexes = indexesOf(segments, 128 * 1024);
    expect(indexes).toEqual(segments.map(expectedOf(dumped)));
    const points = indexes.flatMap((index) => index?.restorePoints ?? []);
    expect(points.map(({ name, lsn }) => ({ name, lsn }))).toEqual(restorePoints);
  });

  test.each([1, 7, 4096, 8192, 300_000])('is the same of pieces of %i bytes', (piece) => {
    const few = segments.slice(0, 2).map(({ start, bytes }) => ({
      start,
      bytes: bytes.subarray(0, piece < 100 ? 300_000 : SEGMENT),
    }));
    // What is cut off breaks the second one's chain.
    if (piece < 100) few.pop();
    expect(indexesOf(few, piece)).toEqual(indexesOf(few, 128 * 1024));
  });

  test('is the same for who begins in the middle', () => {
    const all = indexesOf(segments, 128 * 1024);
    const later = indexesOf(segments.slice(1), 128 * 1024);
    expect(later.slice(1)).toEqual(all.slice(2));
    expect(later[0]?.restorePoints).toEqual(all[1]?.restorePoints);
    // What began before and ends here cannot be known, and that is said.
    const spanned = segments[1] !== undefined && (segments[1].bytes.readUInt16LE(2) & 1) !== 0;
    expect(later[0]?.lacksFirst ?? false).toBe(spanned);
    expect(all.filter((index) => index?.lacksFirst)).toEqual([]);
  });

  test('is the same of each segment by itself, with the one before it where a record spans both', async () => {
    const all = indexesOf(segments, 128 * 1024);
    const asked: string[] = [];
    for (const [at, { name, bytes }] of segments.entries()) {
      const before = async () => {
        asked.push(name);
        return segments[at - 1]?.bytes;
      };
      expect(await indexSegment(name, bytes, before)).toEqual(all[at]);
    }
    const spanned = segments.filter(({ bytes }) => (bytes.readUInt16LE(2) & 1) !== 0);
    expect(asked).toEqual(spanned.map(({ name }) => name));
    const [one] = spanned;
    if (one === undefined) throw new Error('No record spans two segments.');
    const { name, bytes } = one;
    for (const wrong of [undefined, bytes, bytes.subarray(8192)]) {
      const found = await indexSegment(name, bytes, async () => wrong);
      expect(found).toMatchObject({ lacksFirst: true });
    }
  });

  test('is left out where the WAL is damaged, and there again with the next segment', () => {
    const damaged = segments.map(({ bytes, ...segment }) => ({
      ...segment,
      bytes: Buffer.from(bytes),
    }));
    damaged[1]?.bytes.fill(0x55, 1_000_000, 1_000_400);
    const found = indexesOf(damaged, 128 * 1024);
    expect(found[0]).toBeDefined();
    expect(found[1]).toBeUndefined();
    expect(found[2]).toBeDefined();
  });
});

const WORKLOAD = `
  CREATE TABLE t (i int, x text);
  INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 1000) g`;

async function subtransactions(server: PostgresServer): Promise<void> {
  // Each exception block is a subtransaction: the commit's record spans pages.
  await server.query(`DO $$ BEGIN FOR n IN 1..4000 LOOP
    BEGIN INSERT INTO t VALUES (n, 'sub'); EXCEPTION WHEN division_by_zero THEN NULL; END;
    END LOOP; END $$`);
  await server.query('BEGIN; INSERT INTO t VALUES (0, $$gone$$); ROLLBACK');
}

async function readSegments(
  { container, exec }: PostgresServer,
  last: string,
): Promise<{ name: string; start: bigint; bytes: Buffer }[]> {
  const { stdout } = await exec(['ls', `${DATA}/pg_wal`]);
  const names = stdout.split('\n').filter((name) => /^[0-9A-F]{24}$/.test(name) && name <= last);
  return await Promise.all(
    names.sort().map(async (name) => ({
      name,
      start: BigInt(parseSegmentName(name, SEGMENT)?.number ?? 0) * BigInt(SEGMENT),
      bytes: await podmanBytes(['exec', container, 'cat', `${DATA}/pg_wal/${name}`]),
    })),
  );
}

async function dumpTransactions(
  { exec }: PostgresServer,
  major: number,
  segments: readonly { name: string }[],
): Promise<Dumped[]> {
  const first = segments[0]?.name ?? '';
  const last = segments.at(-1)?.name ?? '';
  const { stdout } = await exec([
    'sh',
    '-c',
    `/usr/lib/postgresql/${major}/bin/pg_waldump -p ${DATA}/pg_wal ${first} ${last} 2>/dev/null || true`,
  ]);
  const records = stdout
    .split('\n')
    .map((line) => RECORD.exec(line)?.groups)
    .filter((it) => it !== undefined);
  return records.flatMap(({ rmgr, tx, desc = '' }, index) => {
    const [, what, time] = /^(COMMIT|ABORT)\S* (?:\d+: )?([\d-]+ [\d:.]+) UTC/.exec(desc) ?? [];
    const prepared = /^\S+_PREPARED (\d+):/.exec(desc)?.[1];
    if (rmgr !== 'Transaction' || what === undefined || time === undefined) return [];
    const next = records[index + 1]?.lsn;
    if (next === undefined) return [];
    return [
      {
        xid: Number(prepared ?? tx),
        committed: what === 'COMMIT',
        at: microseconds(time),
        end: parseLsn(next),
      },
    ];
  });
}

const RECORD =
  /^rmgr: (?<rmgr>\S+)\s+len.*?tx:\s+(?<tx>\d+), lsn: (?<lsn>[0-9A-F]+\/[0-9A-F]+), prev [0-9A-F/]+, desc: (?<desc>.*)$/;

function microseconds(time: string): string {
  const [day = '', clock = ''] = time.split(' ');
  const [seconds = '', fraction = ''] = clock.split('.');
  return `${day}T${seconds}.${fraction.padEnd(6, '0')}Z`;
}

/** What the index must say of transactions by pg_waldump's word. */
function expectedOf(dumped: readonly Dumped[]) {
  return ({ start }: { start: bigint }) => {
    const ended = dumped.filter(({ end }) => within(end, start));
    const commits = ended.filter(({ committed }) => committed);
    const times = commits.map(({ at }) => at).sort();
    const xids = ended.map(({ xid }) => xid);
    const last = commits.at(-1);
    return expect.objectContaining({
      commits: commits.length,
      firstCommitAt: times[0] ?? null,
      lastCommitAt: times.at(-1) ?? null,
      xids: xids.length === 0 ? null : [Math.min(...xids), Math.max(...xids)],
      // pg_waldump says where the next record begins, which is behind a page's header where one follows.
      lastCommitLsn:
        last === undefined
          ? null
          : expect.toSatisfy((lsn: string) => isUpTo(parseLsn(lsn), last.end)),
    });
  };
}

function isUpTo(end: bigint, next: bigint): boolean {
  return end === next || (end % 8192n === 0n && next - end <= 40n);
}

/** A record that ends with the last byte of a segment ends in it. */
function within(end: bigint, start: bigint): boolean {
  return end > start && end <= start + BigInt(SEGMENT);
}

function indexesOf(segments: readonly { start: bigint; bytes: Buffer }[], piece: number) {
  const indexer = new WalIndexer();
  return segments.map(({ start, bytes }) => {
    for (let at = 0; at < bytes.length; at += piece) {
      indexer.push(start + BigInt(at), bytes.subarray(at, at + piece));
    }
    return indexer.take();
  });
}
