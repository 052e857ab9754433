import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { keepVacuuming } from '../local-cloud/churn.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import { BACKUP_ROLE } from '../local-cloud/seed.ts';
import { startBalancer } from '../local-cloud/servers/balancer.ts';
import type { PostgresServer, PostgresStandby } from '../local-cloud/servers/postgres.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { createBulk } from '../local-cloud/shop.ts';

let cloud: LocalCloud;
let second: PostgresStandby;

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-sources' });
  await createBulk(cloud.primary, 20);
  await cloud.primary.query('create table churn as select generate_series(1, 1000) id', {
    database: 'bulk',
  });
  second = await cloud.startStandby('second');
  await Promise.all([cloud.standby.waitForReplay(), second.waitForReplay()]);
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

interface Ended extends TaskEnd {
  readonly label: string;
}

/** Backs a cluster up from these servers, in this order. */
async function backUp(cluster: string, ...servers: readonly PostgresServer[]): Promise<Ended> {
  return await backUpFrom(
    cluster,
    servers.map((server) => server.uriFor(BACKUP_ROLE)),
  );
}

async function backUpFrom(cluster: string, uris: readonly string[]): Promise<Ended> {
  const ca = readFileSync(cloud.caFile, 'utf8');
  await cloud.putSecret(cluster, JSON.stringify({ uris, ca }));
  return await startBackup(cluster);
}

async function startBackup(cluster: string): Promise<Ended> {
  return await finish(await start(cluster));
}

async function start(cluster: string): Promise<StartTaskAnswer> {
  const { payload } = await cloud.invoke(startTaskFunctionName('local-sources'), {
    action: 'backup',
    cluster,
    kind: 'logical',
  });
  return StartTaskAnswer.parse(payload);
}

async function finish({ label, taskArn }: StartTaskAnswer): Promise<Ended> {
  return { label, ...(await cloud.waitForTask(taskArn, { timeoutSeconds: 180 })) };
}

async function manifestOf(cluster: string, end: Ended): Promise<LogicalManifest> {
  expect(end.exitCode, readFileSync(end.logFile, 'utf8')).toBe(0);
  const { stdout } = await cloud.holdfast(['show', end.label, '--cluster', cluster, '--json']);
  return (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest;
}

/** The end that a failed task's log tells of; and nobody can list a backup of it. */
async function failureOf(cluster: string, end: Ended): Promise<Record<string, unknown>> {
  const { stdout } = await cloud.holdfast(['list', '--cluster', cluster, '--json']);
  expect(stdout).not.toContain(end.label);
  const lines = readFileSync(end.logFile, 'utf8').trim().split('\n');
  return JSON.parse(lines.findLast((line) => line.includes('"task failed"')) ?? '{}');
}

describe('replay that cancels every dump', () => {
  let stopVacuuming: () => Promise<void>;
  beforeAll(async () => {
    await set(cloud.standby, 'max_standby_streaming_delay', '0');
    await set(second, 'max_standby_streaming_delay', '-1');
    stopVacuuming = keepVacuuming(cloud.primary, 'bulk', 'churn');
  });
  afterAll(async () => {
    await stopVacuuming();
    await set(cloud.standby, 'max_standby_streaming_delay', '30s');
  });

  test('on the first replica is tried there again, and then the second URI serves', async () => {
    const manifest = await manifestOf('replicas', await backUp('replicas', cloud.standby, second));
    expect(manifest).toMatchObject({
      attempts: 3,
      source: { role: 'replica', port: second.port, uriIndex: 1 },
      tried: [1, 2].map((attempt) => ({
        attempt,
        port: cloud.standby.port,
        uriIndex: 0,
        code: 'SOURCE_CONFLICT',
        reason: expect.stringContaining('for the sake of replay'),
      })),
    });
  });

  test('is served by the primary in the end, where that is allowed', async () => {
    const end = await backUp('or-primary', cloud.standby, cloud.primary);
    const manifest = await manifestOf('or-primary', end);
    expect(manifest).toMatchObject({
      attempts: 3,
      source: { role: 'primary', port: cloud.primary.port, uriIndex: 1, replayLagSeconds: 0 },
      tried: [{ code: 'SOURCE_CONFLICT' }, { code: 'SOURCE_CONFLICT' }],
    });
    const text = await cloud.holdfast(['show', end.label, '--cluster', 'or-primary']);
    expect(text.stdout).toContain(
      `3 within this backup, the last one counts; 127.0.0.1:${cloud.standby.port} in vain (SOURCE_CONFLICT); `,
    );
  });

  test('fails the backup with what to set, where the primary is not allowed', async () => {
    const end = await backUp('replicas', cloud.standby, cloud.primary);
    expect(end.exitCode).toBe(ExitCode.SourceUnavailable);
    expect(await failureOf('replicas', end)).toMatchObject({
      code: 'SOURCE_CONFLICT',
      retryable: true,
      hint: expect.stringContaining('max_standby_streaming_delay=0'),
    });
  });
});

describe('an address that is not one server', () => {
  test('behind which two replicas take turns is refused, with what to give instead', async () => {
    const balancer = await startBalancer([cloud.standby.port, second.port]);
    try {
      const end = await backUpFrom('replicas', [uriOf(balancer.port)]);
      expect(end.exitCode).toBe(ExitCode.SourceRefused);
      expect(await failureOf('replicas', end)).toMatchObject({
        code: 'SOURCE_BALANCED',
        hint: expect.stringContaining("each server's own address"),
      });
    } finally {
      await balancer.stop();
    }
  });

  test('but several hosts: the first that will do serves', async () => {
    const hosts = [cloud.primary, cloud.standby].map(({ port }) => `127.0.0.1:${port}`).join(',');
    const end = await backUpFrom('replicas', [uriOf(0).replace('127.0.0.1:0', hosts)]);
    expect(await manifestOf('replicas', end)).toMatchObject({
      attempts: 1,
      source: { port: cloud.standby.port, uriIndex: 0 },
      tried: [],
    });
  });
});

describe('the role that the documents describe', () => {
  const ROLE = { user: 'minimal', password: 'minimal' };
  /** The statements of docs/reference.md, word for word but for the role's name and password. */
  const [role = '', largeObjects = ''] = [
    ...readFileSync(new URL('../../docs/reference.md', import.meta.url), 'utf8')
      .replace(/^.*## A minimal PostgreSQL role/s, '')
      .matchAll(/```sql\n(.*?)```/gs),
  ].map(([, sql = '']) => sql.replaceAll('holdfast', ROLE.user).replace("'…'", "'minimal'"));

  const backUpAsMinimal = () => backUpFrom('replicas', [cloud.standby.uriFor(ROLE)]);

  beforeAll(async () => {
    await cloud.primary.query(role);
    await cloud.primary.query('create database feed');
    await cloud.primary.query(
      `create subscription feed connection 'host=127.0.0.1 dbname=x' publication p
         with (connect = false, slot_name = none, enabled = false)`,
      { database: 'feed' },
    );
    await cloud.primary.query("select lo_from_bytea(4711, 'x')", { database: 'feed' });
    await cloud.standby.waitForReplay();
  });

  test('lacks large objects, which is told with the statement that grants them', async () => {
    const end = await backUpAsMinimal();
    expect(end.exitCode).toBe(ExitCode.SourceRefused);
    expect(await failureOf('replicas', end)).toMatchObject({
      code: 'SOURCE_RIGHTS',
      hint: expect.stringContaining('GRANT SELECT ON LARGE OBJECT'),
    });
  });

  test('is enough for all else, and the manifest names what only a superuser could read', async () => {
    await cloud.primary.query(largeObjects, { database: 'feed' });
    await cloud.standby.waitForReplay();
    const manifest = await manifestOf('replicas', await backUpAsMinimal());
    expect(manifest.databases.map(({ name }) => name)).toEqual(['bulk', 'feed', 'postgres']);
    expect(manifest.notIncluded).toContainEqual({
      what: 'subscriptions',
      why: 'only a superuser may read them',
      database: 'feed',
    });
    expect(manifest.server).toMatchObject({
      platform: expect.stringMatching(/^PostgreSQL 17.* on .*-linux-gnu, compiled by/),
      dataChecksums: true,
      walSegmentBytes: 16 * 1024 * 1024,
      sharedPreloadLibraries: null,
      collationVersions: { libc: expect.stringMatching(/^2\./), icu: expect.any(String) },
    });
    expect(manifest.databases[0]).toMatchObject({
      localeProvider: 'libc',
      locale: null,
      collationVersion: { recorded: null, actual: null },
    });
  });

  test('without CONNECT skips a database, and warns because the last backup had it', async () => {
    await cloud.primary.query('revoke connect on database feed from public');
    await cloud.standby.waitForReplay();
    const end = await backUpAsMinimal();
    const manifest = await manifestOf('replicas', end);
    expect(manifest.warnings).toEqual([
      expect.stringMatching(
        /^The database feed is skipped now, which it was not in the last backup \(.*\): the role has no CONNECT/,
      ),
    ]);
    expect(readFileSync(end.logFile, 'utf8')).toContain('"event":"preflight warning"');
    // What is known by then warns no more.
    expect((await manifestOf('replicas', await backUpAsMinimal())).warnings).toEqual([]);
  });
});

describe('replay that is paused for the dump', () => {
  const backUpPaused = () => backUp('paused', cloud.standby);
  const state = async () =>
    (await cloud.standby.query('select pg_get_wal_replay_pause_state() as state')).rows[0].state;

  test('needs a right, which is told with the statement that gives it', async () => {
    const end = await backUpPaused();
    expect(end.exitCode).toBe(ExitCode.SourceRefused);
    const { code, hint } = await failureOf('paused', end);
    expect(code).toBe('SOURCE_RIGHTS');
    const [grant] = String(hint).match(/GRANT EXECUTE .*? TO holdfast;/) ?? [];
    await cloud.primary.query(String(grant));
    await cloud.standby.waitForReplay();
  });

  test('gives all databases one point, while the primary goes on', async () => {
    const stopVacuuming = keepVacuuming(cloud.primary, 'bulk', 'churn');
    const manifest = await manifestOf('paused', await backUpPaused());
    await stopVacuuming();
    const { lsn, pausedAt } = manifest.commonPoint ?? {};
    expect(manifest.databases.length).toBeGreaterThan(1);
    expect(new Set(manifest.databases.map(({ snapshotLsn }) => snapshotLsn))).toEqual(
      new Set([lsn]),
    );
    const asOf = manifest.databases.map(({ dataAsOf }) => Date.parse(dataAsOf ?? ''));
    expect(Math.max(...asOf)).toBeLessThanOrEqual(Date.parse(pausedAt ?? ''));
    expect(Math.max(...asOf) - Math.min(...asOf)).toBeLessThanOrEqual(2);
    expect(await state()).toBe('not paused');
    // Without the option it goes on, and so do the snapshots.
    const other = await manifestOf('replicas', await backUp('replicas', cloud.standby));
    expect(other.commonPoint).toBeNull();
  });

  test('goes on after SIGTERM', async () => {
    const started = await start('paused');
    await waitUntil(async () => (await state()) === 'paused', {
      what: 'replay to be paused',
      timeoutMs: 60_000,
    });
    // Whoever looks at the server sees whose sessions these are.
    const { rows } = await cloud.standby.query(
      "select distinct application_name as name from pg_stat_activity where usename = 'holdfast'",
    );
    expect(rows).toEqual([{ name: `holdfast ${started.label}` }]);
    await cloud.stopTask(started.taskArn);
    expect((await finish(started)).exitCode).toBe(ExitCode.Terminated);
    expect(await state()).toBe('not paused');
  });

  test('is resumed by the next run, when the one that paused it was killed', async () => {
    const started = await start('paused');
    await waitUntil(async () => (await state()) === 'paused', {
      what: 'replay to be paused',
      timeoutMs: 60_000,
    });
    process.kill((await cloud.task(started.taskArn)).pid, 'SIGKILL');
    expect((await finish(started)).exitCode).toBe(137);
    expect(await state()).toBe('paused');
    await cloud.primary.query('create table written_meanwhile ()');

    const manifest = await manifestOf('paused', await backUpPaused());
    expect(manifest.warnings).toEqual([expect.stringContaining('was found paused')]);
    expect(manifest.commonPoint).not.toBeNull();
    expect(await state()).toBe('not paused');
    const { rows } = await cloud.standby.query("select to_regclass('written_meanwhile') as it");
    expect(rows).toEqual([{ it: 'written_meanwhile' }]);
  });

  test('is left to another backup of the same server, of which this one is told', async () => {
    const other = cloud.standby.query(
      `set application_name = 'holdfast other';
       select pg_advisory_lock(x'686f6c64'::int, x'66617374'::int), pg_sleep(600)`,
    );
    const ended = expect(other).rejects.toThrow('terminating connection');
    try {
      const manifest = await manifestOf('paused', await backUpPaused());
      expect(manifest.commonPoint).toBeNull();
      expect(manifest.warnings).toEqual([
        expect.stringMatching(/^Another backup of .* is running \(holdfast other\)/),
      ]);
    } finally {
      await cloud.standby.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast other'",
      );
      await ended;
    }
  });
});

test('a password that is rotated while a dump waits is read anew, and the dump taken again', async () => {
  const { primary, standby } = cloud;
  await primary.query(`create table held (); create role rotated login bypassrls password 'old';
    grant ${BACKUP_ROLE.user}, pg_read_all_data to rotated`);
  const uri = (password: string) => standby.uriFor({ user: 'rotated', password });
  const ca = readFileSync(cloud.caFile, 'utf8');
  const putPassword = (password: string) =>
    cloud.putSecret('replicas', JSON.stringify({ uris: [uri(password)], ca }));
  const holder = new pg.Client({
    connectionString: primary.uri.split('?')[0],
    ssl: { rejectUnauthorized: false },
  });
  await holder.connect();
  try {
    await holder.query('begin; lock table held in access exclusive mode');
    await standby.waitForReplay();
    await putPassword('old');
    const started = await start('replicas');
    const waiting = `select exists (select from pg_locks where not granted and relation = 'held'::regclass) as it`;
    await waitUntil(async () => (await standby.query(waiting)).rows[0].it === true, {
      what: 'the dump to wait for the table',
      timeoutMs: 120_000,
    });
    await primary.query(`alter role rotated password 'new'`);
    await standby.waitForReplay();
    await putPassword('new');
    await holder.query('rollback');
    expect(await manifestOf('replicas', await finish(started))).toMatchObject({
      attempts: 2,
      tried: [{ attempt: 1, port: standby.port, code: 'SOURCE_AUTHENTICATION' }],
    });
  } finally {
    await holder.end();
    await primary.query('drop table held; drop role rotated');
  }
});

describe('what is wrong before any server is asked', () => {
  test('a malformed secret is told without quoting it', async () => {
    await cloud.putSecret('replicas', '{"replica": "postgresql://u:hunter2@h/');
    const end = await startBackup('replicas');
    expect(end.exitCode).toBe(ExitCode.Configuration);
    expect(await failureOf('replicas', end)).toMatchObject({
      code: 'SECRET_INVALID',
      hint: expect.stringContaining('{"replica":"postgresql://…"'),
    });
    expect(readFileSync(end.logFile, 'utf8')).not.toContain('hunter2');
  });

  test('an unknown cluster is refused by the function, which names those that there are', async () => {
    const answer = await cloud.invoke(startTaskFunctionName('local-sources'), {
      action: 'backup',
      cluster: 'nowhere',
      kind: 'logical',
    });
    expect(answer).toMatchObject({
      failed: true,
      payload: {
        errorType: 'CLUSTER_UNKNOWN',
        errorMessage: expect.stringContaining('or-primary'),
      },
    });
  });
});

function uriOf(port: number): string {
  return cloud.standby.uriFor(BACKUP_ROLE).replace(/@[^/]*/, `@127.0.0.1:${port}`);
}

async function set(server: PostgresServer, name: string, value: string): Promise<void> {
  await server.query(`alter system set ${name} = '${value}'`);
  await server.query('select pg_reload_conf()');
}
