import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../../containers/runner/log.ts';
import { takeBackupLock } from '../../../containers/runner/source/backup-lock.ts';
import type { ChosenSource } from '../../../containers/runner/source/choose-source.ts';
import { atCommonPoint } from '../../../containers/runner/source/common-point.ts';
import {
  type DatabaseSurvey,
  findDatabases,
  type SourceDatabase,
} from '../../../containers/runner/source/databases.ts';
import { inSession } from '../../../containers/runner/source/in-session.ts';
import { takeSnapshot } from '../../../containers/runner/source/snapshot.ts';
import { BACKUP_ROLE } from '../../local-cloud/seed.ts';
import { type SourceFixture, startSources } from './source-fixture.ts';

let sources: SourceFixture;
let source: ChosenSource;
beforeAll(async () => {
  sources = await startSources();
  await sources.primary.query(
    'grant execute on function pg_wal_replay_pause(), pg_wal_replay_resume() to holdfast',
  );
  await sources.standby.waitForReplay();
  const { outcome } = await sources.choose([sources.standby.uriFor(BACKUP_ROLE)]);
  source = outcome as ChosenSource;
});
afterAll(() => sources.stop());

test('the second backup of a server learns of the first, until that lets go or dies', async () => {
  const { server } = source;
  const first = await takeBackupLock({ ...server, applicationName: 'holdfast first' });
  expect(first.heldBy).toBeUndefined();
  const second = await takeBackupLock(server);
  expect(second.heldBy).toBe('holdfast first');
  await second.release();
  await first.release();

  const third = await takeBackupLock(server);
  expect(third.heldBy).toBeUndefined();
  await sources.standby.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast test'",
  );
  const fourth = await takeBackupLock(server);
  expect(fourth.heldBy).toBeUndefined();
  await fourth.release();
  await third.release();
});

describe('a snapshot', () => {
  const database = 'ware house';
  async function listed(): Promise<DatabaseSurvey> {
    return await inSession(source.server, findDatabases);
  }
  async function change(...statements: string[]): Promise<void> {
    for (const statement of statements) await sources.primary.query(statement);
    await sources.standby.waitForReplay();
  }
  async function find(): Promise<SourceDatabase> {
    const found = (await listed()).included.find(({ name }) => name === database);
    if (found === undefined) throw new Error(`There is no ${database}.`);
    return found;
  }
  beforeAll(() => change(`create database "${database}"`, 'create database next'));

  test('is not taken of another database that has got the name meanwhile', async () => {
    const before = await find();
    await change(
      `alter database "${database}" rename to old`,
      `alter database next rename to "${database}"`,
    );
    await expect(takeSnapshot(source.server, before)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining('databases were renamed meanwhile'),
      retryable: true,
    });
    const snapshot = await takeSnapshot(source.server, await find());
    expect(await snapshot.rewritten()).toEqual([]);
    await snapshot.release();
  });

  test('knows what of a replica it cannot show', async () => {
    await sources.primary.query(
      `create unlogged sequence tickets; create sequence invoices;
       create unlogged table scratch (id int generated always as identity)`,
      { database },
    );
    await sources.standby.waitForReplay();
    const snapshot = await takeSnapshot(source.server, await find());
    expect(snapshot).toMatchObject({ unloggedTables: 1, unloggedSequences: 1 });
    await snapshot.release();
  });

  test('is taken of no template, and one that somebody made is told', async () => {
    await change(`alter database "${database}" is_template true`);
    expect((await listed()).skipped).toEqual([
      { what: `database ${database}`, why: 'it is a template', database },
    ]);
  });
});

describe('replay that is paused', () => {
  async function state(): Promise<string> {
    const { rows } = await sources.standby.query('select pg_get_wal_replay_pause_state() as state');
    return (rows[0] as { state: string }).state;
  }

  function paused<T>(work: () => Promise<T>, signal = new AbortController().signal) {
    return atCommonPoint(
      { source, wanted: true, signal, log: createLog(() => undefined) },
      async () => ({ during: await state(), result: await work() }),
    );
  }

  test('stands still during the work, and goes on when that is done, or fails', async () => {
    expect(await paused(async () => 'done')).toMatchObject({
      result: { during: 'paused', result: 'done' },
      warnings: [],
    });
    expect(await state()).toBe('not paused');
    await expect(paused(() => Promise.reject(new Error('it failed')))).rejects.toThrow('it failed');
    expect(await state()).toBe('not paused');
  });

  test('goes on when the run is ended while it is waited for', async () => {
    const ended = AbortSignal.abort(new Error('told to stop'));
    await expect(paused(async () => 'done', ended)).rejects.toThrow('told to stop');
    expect(await state()).toBe('not paused');
  });

  test('and that somebody resumed gives no common point', async () => {
    const meddling = paused(async () => {
      await sources.standby.query('select pg_wal_replay_resume()');
      await sources.primary.query('create table meddled ()');
      await sources.standby.waitForReplay();
    });
    await expect(meddling).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining('somebody resumed it'),
      retryable: true,
    });
  });
});
