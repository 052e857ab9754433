import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { tryInEmptyServer } from '../local-cloud/empty-server.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import { readStream } from '../local-cloud/read-stream.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { contentsOf, createShop } from '../local-cloud/shop.ts';

const LOG = `
  create schema log authorization shop_owner;
  set role shop_owner;
  create table log.event (id int primary key, customer_id bigint references public.customer, at date);
  insert into log.event select i, i, date '2026-01-01' + i from generate_series(1, 300) i;
  reset role;
  select lo_from_bytea(0, decode(repeat('ab', 5000), 'hex')); select lo_from_bytea(0, 'x');
  do $$ declare o record; begin for o in select oid from pg_largeobject_metadata loop
    execute format($g$grant select on large object %s to holdfast$g$, o.oid); end loop; end $$;`;

let cloud: LocalCloud;

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-options' });
  await createShop(cloud.primary);
  await cloud.primary.query(LOG, { database: 'shop' });
  await cloud.primary.query('create database shelf');
  await cloud.primary.query(`create table "Größe" as select '5 €' as preis`, { database: 'shelf' });
  await cloud.primary.query(`alter database shelf set client_encoding = 'LATIN1'`);
  await cloud.standby.waitForReplay();
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

async function backUp(cluster: string): Promise<TaskEnd & { label: string }> {
  const answer = await cloud.invoke(startTaskFunctionName('local-options'), {
    action: 'backup',
    cluster,
    kind: 'logical',
  });
  const { taskArn, label } = StartTaskAnswer.parse(answer.payload);
  return { label, ...(await cloud.waitForTask(taskArn, { timeoutSeconds: 120 })) };
}

interface Shown {
  readonly manifest: LogicalManifest;
  /** What `holdfast show` prints for people. */
  readonly text: string;
}

async function backUpWell(cluster: string): Promise<Shown> {
  const { label, exitCode, logFile } = await backUp(cluster);
  expect(exitCode, readFileSync(logFile, 'utf8')).toBe(0);
  return await show(cluster, label);
}

async function show(cluster: string, label: string): Promise<Shown> {
  const args = ['show', label, '--cluster', cluster];
  const text = await cloud.holdfast(args);
  expect(text.exitCode, text.stderr).toBe(0);
  const { stdout } = await cloud.holdfast([...args, '--json']);
  return {
    manifest: (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest,
    text: text.stdout,
  };
}

function restore(cluster: string, into: string, ...more: string[]) {
  return restoreFrom(cluster, 'shop', into, ...more);
}

function restoreFrom(cluster: string, database: string, into: string, ...more: string[]) {
  return cloud.holdfast(
    ['restore', '--cluster', cluster, '--database', database, '--into', into, '--json', ...more],
    { env: { HOLDFAST_RESTORE_URI: cloud.primary.uri } },
  );
}

async function restoreWell(
  cluster: string,
  into: string,
): Promise<{ what: string; why: string }[]> {
  const { exitCode, stdout, stderr } = await restore(cluster, into);
  expect(exitCode, stderr).toBe(0);
  return (JSON.parse(stdout) as { notRestored: { what: string; why: string }[] }).notRestored;
}

async function ask(database: string, sql: string): Promise<unknown> {
  const { rows } = await cloud.primary.query(`select ${sql} as answer`, { database });
  return (rows[0] as { answer: unknown }).answer;
}

/** A session that lasts; whoever opens it ends it. */
async function openSession(database: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: cloud.primary.uriFor({ database }).replace(/\?.*/, ''),
    ssl: { ca: readFileSync(cloud.caFile, 'utf8') },
  });
  await client.connect();
  return client;
}

/** How many dumps wait for a lock. */
async function waitingDumps(): Promise<number> {
  const { rows } = await cloud.standby.query(
    `select from pg_stat_activity where application_name like 'holdfast %' and wait_event_type = 'Lock'`,
  );
  return rows.length;
}

async function lockIsReplayed(): Promise<boolean> {
  // Nothing would send the lock's record before something is committed.
  await cloud.standby.waitForReplay();
  const { rows } = await cloud.standby.query(
    `select from pg_locks where mode = 'AccessExclusiveLock' and relation = '"Order"'::regclass`,
    { database: 'shop' },
  );
  return rows.length > 0;
}

function failureIn({ logFile }: TaskEnd): Record<string, unknown> {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  return JSON.parse(lines.findLast((line) => line.includes('"task failed"')) ?? '{}');
}

/** But for the databases that this test has restored by then. */
function whatIsMissing({ notIncluded }: LogicalManifest): string[] {
  return notIncluded.map(({ what }) => what).filter((what) => !what.startsWith('database from_'));
}

describe('a custom archive without a table and without the rows of another', () => {
  test('says so, never touches the spool, and restores by several jobs', async () => {
    const { manifest, text } = await backUpWell('custom');
    expect(manifest.databases).toMatchObject([
      { name: 'shop', format: 'custom', contents: { tableData: 2, largeObjects: 2 } },
    ]);
    expect(manifest.peak.spoolBytes).toBe(0);
    expect(whatIsMissing(manifest)).toEqual([
      'role passwords',
      'tables log.*',
      'the rows of tables public.customer',
      'database postgres',
      'database shelf',
      'the rows of unlogged tables (1)',
    ]);
    expect(text).toContain('2 tables with data, 2 large objects; dump of');
    expect(text).toContain('format custom, zstd:1');
    expect(text).toContain('the rows of tables public.customer (the option excludeTableData)');
    const globals = await readStream(cloud, manifest, manifest.globals);
    expect(globals.toString()).not.toContain('SCRAM-SHA-256');

    expect(await restoreWell('custom', 'from_custom')).toEqual([
      {
        what: 'FK CONSTRAINT public.Order Order_customer_id_fkey',
        why: 'the backup does not hold the rows of public.customer, to which it refers',
      },
    ]);
    expect(await ask('from_custom', `(select count(*)::int from "Order")`)).toBe(50_000);
    expect(await ask('from_custom', '(select count(*)::int from customer)')).toBe(0);
    expect(await ask('from_custom', "to_regclass('log.event')")).toBeNull();
    expect(await ask('from_custom', "to_regnamespace('log')")).toBe('log');
    expect(await ask('from_custom', '(select count(*)::int from pg_largeobject_metadata)')).toBe(2);
  });
});

describe('plain SQL without a schema and without large objects, with role passwords', () => {
  test('has its properties, its rows, and nothing else', async () => {
    const { manifest, text } = await backUpWell('plain');
    expect(manifest.databases).toMatchObject([{ name: 'shop', format: 'plain' }]);
    expect(manifest.globals.rolePasswords).toBe(true);
    expect(whatIsMissing(manifest)).toEqual([
      'schemas log',
      'large objects',
      'database postgres',
      'database shelf',
      'the rows of unlogged tables (1)',
    ]);
    expect(text).toContain('with role passwords');
    expect(text).toContain('format plain, zstd:1');
    const globals = await readStream(cloud, manifest, manifest.globals);
    expect(globals.toString()).toContain("PASSWORD 'SCRAM-SHA-256$");

    expect(await restoreWell('plain', 'from_plain')).toEqual([]);
    const kept = (await contentsOf(cloud.primary, 'shop')).filter(
      (line) => !/event|"loid"|"at":/.test(line) && !/^\{"row":"\(\d+,\d+,2026-/.test(line),
    );
    expect(await contentsOf(cloud.primary, 'from_plain')).toEqual(kept);
    expect(await ask('from_plain', "current_setting('work_mem')")).toBe('8MB');
    expect(
      await ask(
        'from_plain',
        `(select shobj_description(oid, 'pg_database') from pg_database
        where datname = 'from_plain')`,
      ),
    ).toBe('Where the orders are');
    const { exitCode, stderr } = await restore('plain', 'other', '--no-owner');
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect(stderr).toContain('plain SQL, from which nothing can be left out: owners (--no-owner)');
  });

  test('waits for a locked table as long as it may, and fails', async () => {
    const locking = cloud.primary.query(
      'begin; lock table "Order" in access exclusive mode; select pg_sleep(60)',
      { database: 'shop' },
    );
    const ended = expect(locking).rejects.toThrow('terminating connection');
    try {
      await waitUntil(lockIsReplayed, { what: 'the lock on the standby', timeoutMs: 30_000 });
      const end = await backUp('plain');
      expect(end.exitCode).toBe(ExitCode.DumpFailed);
      expect(failureIn(end).message).toMatch(/statement timeout|lock/);
    } finally {
      await cloud.primary.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()",
      );
      await ended;
    }
  });
});

test('tables that are loaded anew while a dump waits for them come with their rows', async () => {
  const clusters = ['part', 'custom', 'sql'];
  await cloud.primary.query(
    'create table daily as select 1 id; create table model as select 1 id',
    { database: 'shop' },
  );
  const loading = await openSession('shop');
  try {
    await loading.query(`begin; truncate daily; insert into daily select generate_series(1, 70);
      create table next as select generate_series(1, 80) id; drop table model;
      alter table next rename to model`);
    await cloud.standby.waitForReplay();
    const ended = clusters.map((cluster) => backUp(cluster));
    await waitUntil(async () => (await waitingDumps()) === clusters.length, {
      what: 'the dumps to wait for a lock',
      timeoutMs: 120_000,
    });
    await loading.query('commit');
    for (const [at, { label, exitCode, logFile }] of (await Promise.all(ended)).entries()) {
      expect(exitCode, readFileSync(logFile, 'utf8')).toBe(0);
      const { manifest } = await show(clusters[at] ?? '', label);
      expect(manifest.attempts).toBe(1);
      expect(manifest.warnings).toContainEqual(
        expect.stringMatching(/^The dump was begun anew\. .*: public\.daily, public\.model\.$/),
      );
    }
  } finally {
    await loading.end();
  }
  expect(await restoreWell('part', 'from_loaded')).toEqual([]);
  expect(await ask('from_loaded', '(select count(*)::int from daily)')).toBe(70);
  expect(await ask('from_loaded', '(select count(*)::int from model)')).toBe(80);
  await cloud.primary.query('drop table daily, model', { database: 'shop' });
});

test('a database whose sessions are set to another encoding comes back with all its letters', async () => {
  await backUpWell('sql');
  const { exitCode, stderr } = await restoreFrom('sql', 'shelf', 'from_shelf');
  expect(exitCode, stderr).toBe(0);
  expect(await ask('from_shelf', '(select preis from "Größe")')).toBe('5 €');
});

test('schema only: every table, no row, and the databases that the patterns choose', async () => {
  const { manifest } = await backUpWell('shape');
  expect(manifest.databases).toMatchObject([
    { name: 'shop', format: 'directory', contents: { tableData: 0, largeObjects: 0 } },
  ]);
  expect(manifest.notIncluded).toContainEqual(
    expect.objectContaining({
      database: 'shelf',
      why: 'the option excludeDatabases has shelf',
    }),
  );
  expect(whatIsMissing(manifest)).toContain('all rows and large objects');
  expect(await restoreWell('shape', 'from_shape')).toEqual([]);
  expect(await ask('from_shape', '(select count(*)::int from log.event)')).toBe(0);
  expect(await ask('from_shape', '(select count(*)::int from pg_largeobject_metadata)')).toBe(0);
  expect(
    await ask('from_shape', `(select count(*)::int from pg_constraint where contype = 'f')`),
  ).toBe(2);
});

test('one schema: what lies in it, and nothing of the others', async () => {
  const { manifest } = await backUpWell('part');
  expect(whatIsMissing(manifest)).toContain('schemas other than public');
  expect(await restoreWell('part', 'from_part')).toEqual([]);
  expect(await ask('from_part', "to_regnamespace('log')")).toBeNull();
  expect(await ask('from_part', '(select count(*)::int from customer)')).toBe(2000);
  expect(await ask('from_part', '(select count(*)::int from pg_largeobject_metadata)')).toBe(2);
});

test('one table: its rows, in a schema made for it, without the key that leads out', async () => {
  await backUpWell('table');
  const notRestored = await restoreWell('table', 'from_table');
  expect(notRestored.map(({ what }) => what)).toEqual([
    'FK CONSTRAINT log.event event_customer_id_fkey',
    'owner and grants of the schema log',
  ]);
  expect(await ask('from_table', '(select count(*)::int from log.event)')).toBe(300);
  expect(await ask('from_table', "to_regclass('public.customer')")).toBeNull();
});

describe('one dump of everything', () => {
  test('is refused by restore with what to do instead, which works', async () => {
    const { manifest, text } = await backUpWell('whole');
    expect(manifest.databases).toEqual([]);
    expect(manifest.dumpAll?.databases.map(({ name }) => name)).toEqual(['postgres', 'shop']);
    expect(text).toContain('all in one: postgres');
    const { exitCode, stderr } = await restore('whole', 'from_whole');
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect(stderr).toContain('made by pg_dumpall');
    expect(stderr).toContain('dumpall.sql.zst.0001');
    expect(stderr).toContain('zstd -dc dumpall.sql.zst | psql');

    if (manifest.dumpAll === null) throw new Error('There is no dump of everything.');
    const sql = zstdDecompressSync(await readStream(cloud, manifest, manifest.dumpAll));
    const { said, answers } = await tryInEmptyServer(cloud.primary, sql.toString('utf8'), [
      { database: 'shop', sql: 'select count(*) from "Order"' },
      { database: 'shop', sql: 'select count(*) from pg_largeobject_metadata' },
      { database: 'postgres', sql: "select count(*) from pg_database where datname = 'shelf'" },
    ]);
    expect(said.split('\n').filter((line) => /ERROR/.test(line))).toEqual([
      expect.stringContaining('role "postgres" already exists'),
    ]);
    expect(answers).toEqual(['50000', '2', '0']);
  });
});

test('a named database that is missing fails the backup', async () => {
  const end = await backUp('missing');
  expect(end.exitCode).toBe(ExitCode.SourceRefused);
  expect(failureIn(end)).toMatchObject({
    code: 'SOURCE_DATABASE',
    message: expect.stringContaining('"warehouse"'),
    hint: expect.stringContaining('postgres, shelf, shop'),
  });
});
