import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type DumpOptions,
  dumpWithSnapshot,
} from '../../../containers/runner/dump-with-snapshot.ts';
import { createLog } from '../../../containers/runner/log.ts';
import type { ChosenSource } from '../../../containers/runner/source/choose-source.ts';
import { findDatabases, type SourceDatabase } from '../../../containers/runner/source/databases.ts';
import { inSession } from '../../../containers/runner/source/in-session.ts';
import { BACKUP_ROLE } from '../../local-cloud/seed.ts';
import type { PostgresServer } from '../../local-cloud/servers/postgres.ts';
import { type SourceFixture, startSources } from './source-fixture.ts';

let sources: SourceFixture;
beforeAll(async () => {
  sources = await startSources();
});
afterAll(() => sources.stop());

const of = (server: PostgresServer, database = 'postgres') => [
  server.uriFor({ ...BACKUP_ROLE, database }),
];

describe('a replica that streams', () => {
  test('is as new as its receiver’s last word while nothing happens, however old the last commit', async () => {
    await expectCaughtUp();
  });

  test('is refused while replay stands still, and taken once it has caught up', async () => {
    const { primary, standby } = sources;
    await standby.query('select pg_wal_replay_pause()');
    await primary.query('create table behind ()');
    // Its receiver has got it.
    const { rows } = await primary.query('select pg_current_wal_flush_lsn() as lsn');
    const { lsn } = rows[0] as { lsn: string };
    await until(standby, `select pg_last_wal_receive_lsn() >= '${lsn}'`);
    const { outcome } = await sources.choose(of(standby), { maxReplayLagSeconds: 0 });
    expect(outcome).toMatchObject({
      code: 'SOURCE_LAGGING',
      message: expect.stringMatching(
        /is \d+ s behind its primary, and replay is paused; 0 s are allowed/,
      ),
      retryable: true,
    });
    await standby.query('select pg_wal_replay_resume()');
    await standby.waitForReplay();
    await expectCaughtUp();
  });
});

describe('a replica that falls behind after it was chosen', () => {
  /** Begins a dump, which has no format to go on in. */
  async function begin(source: ChosenSource, maxReplayLagSeconds: number): Promise<string[]> {
    const { included } = await inSession(source.server, findDatabases);
    const postgres = included.find(({ name }) => name === 'postgres') as SourceDatabase;
    const warnings: string[] = [];
    const options = {
      ...{ source, logical: { format: 'none' }, spool: {}, programs: {} },
      ...{
        log: createLog(() => undefined),
        allowed: { maxReplayLagSeconds, unknownLag: 'refuse' },
      },
    } as unknown as DumpOptions;
    const told = { notIncluded: [], warnings };
    await dumpWithSnapshot(options, postgres, told, undefined);
    return warnings;
  }

  test('is warned of with the database, its lag and the limit', async () => {
    const { primary, standby } = sources;
    const { outcome } = await sources.choose(of(standby));
    const source = outcome as ChosenSource;
    await standby.query('select pg_wal_replay_pause()');
    await primary.query('create table behind_later ()');
    const { rows } = await primary.query('select pg_current_wal_flush_lsn() as lsn');
    await until(standby, `select pg_last_wal_receive_lsn() >= '${rows[0].lsn}'`);
    expect(await begin(source, 300)).toEqual([]);
    expect(await begin(source, 0)).toEqual([
      expect.stringMatching(
        /^The dump of the database postgres shows 127.0.0.1:\d+ as it was \d+ s behind its primary; 0 s are allowed/,
      ),
    ]);
    await standby.query('select pg_wal_replay_resume()');
    await standby.waitForReplay();
  });
});

describe('a replica that is fed by an archive alone', () => {
  test('is no older than the newest that it has replayed; beyond the limit that is unknown', async () => {
    const archived = await sources.startArchiveStandby('archived');
    await sources.primary.query('create table archived ()');
    await archived.archive();
    expect((await archived.query(`select to_regclass('archived') as it`)).rows).toEqual([
      { it: 'archived' },
    ]);
    const { outcome } = await sources.choose(of(archived));
    expect(outcome).toMatchObject({ survey: { inRecovery: true, lagProbe: 'archive' } });

    const strict = { maxReplayLagSeconds: 0 };
    expect((await sources.choose(of(archived), strict)).outcome).toMatchObject({
      code: 'SOURCE_LAGGING',
      message: expect.stringContaining(
        'cannot say how far it is behind its primary: nothing streams',
      ),
      hint: expect.stringContaining('archive_timeout'),
    });
    const accepting = await sources.choose(of(archived), { ...strict, unknownLag: 'accept' });
    expect(accepting.outcome).toMatchObject({ server: { target: { port: archived.port } } });
  });
});

describe('Aurora, by the names of its functions', () => {
  const AURORA = `
    create function pg_catalog.aurora_db_instance_identifier() returns text language sql as $$ select 'me' $$;
    create table status (server_id text, durable_lsn bigint, current_read_lsn bigint, replica_lag_in_msec float8);
    create function pg_catalog.aurora_replica_status() returns setof status language sql as $$ table public.status $$;
    insert into status values ('writer', 5000, null, null), ('me', 5000, 4096, 1500);
    revoke execute on function pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(),
      pg_last_xact_replay_timestamp() from public`;

  beforeAll(async () => {
    await sources.primary.query('create database aurora');
    await sources.primary.query(AURORA, { database: 'aurora' });
    await sources.standby.waitForReplay();
  });

  test('a reader says its lag and its position itself', async () => {
    const { outcome } = await sources.choose(of(sources.standby, 'aurora'));
    expect(outcome).toMatchObject({
      survey: { lagProbe: 'aurora', replayLagSeconds: 1.5, lsn: '0/1000' },
    });
    expect(
      (await sources.choose(of(sources.standby, 'aurora'), { maxReplayLagSeconds: 1 })).outcome,
    ).toMatchObject({ code: 'SOURCE_LAGGING' });
  });

  test('a reader without a status of its own is refused, unless the unknown is accepted', async () => {
    await sources.primary.query(`delete from status where server_id = 'me'`, {
      database: 'aurora',
    });
    await sources.standby.waitForReplay();
    expect((await sources.choose(of(sources.standby, 'aurora'))).outcome).toMatchObject({
      code: 'SOURCE_LAGGING',
      message: expect.stringContaining('cannot say how far it is behind its primary; 300 s'),
    });
    const { outcome } = await sources.choose(of(sources.standby, 'aurora'), {
      unknownLag: 'accept',
    });
    expect(outcome).toMatchObject({ survey: { replayLagSeconds: undefined } });
  });

  test('a writer is a primary', async () => {
    await sources.primary.query(`insert into status values ('me', 5000, null, null)`, {
      database: 'aurora',
    });
    const { outcome } = await sources.choose(of(sources.primary, 'aurora'), {
      allowPrimary: true,
    });
    expect(outcome).toMatchObject({ survey: { lagProbe: 'primary', replayLagSeconds: 0 } });
  });
});

/** In the end: the primary's own housekeeping may write something at any moment. */
async function expectCaughtUp(): Promise<void> {
  await expect
    .poll(async () => (await sources.choose(of(sources.standby))).outcome, { timeout: 30_000 })
    .toMatchObject({ survey: { lagProbe: 'receiver' } });
}

/** Waits until a question is answered with true. */
async function until(server: PostgresServer, sql: string): Promise<void> {
  for (;;) {
    const { rows } = await server.query(sql);
    if (Object.values(rows[0] as object)[0] === true) return;
  }
}
