import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificates } from './certificates.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { type Run, startRun } from './run.ts';

let run: Run;
let postgres: Postgres;
beforeAll(async () => {
  run = await startRun();
  postgres = await startPostgres({ run, certificates: await makeCertificates(run) });
});
afterAll(async () => {
  await postgres.stop();
  await run.stop();
});

test('the standby replays and refuses writes', async () => {
  const { primary, standby } = postgres;
  await primary.query('CREATE TABLE replayed AS SELECT 42 AS answer');
  await standby.waitForReplay();
  expect((await standby.query('SELECT answer FROM replayed')).rows).toEqual([{ answer: 42 }]);
  await expect(standby.query('CREATE TABLE refused ()')).rejects.toThrow('read-only');
  const slots = await primary.query('SELECT slot_name, active FROM pg_replication_slots');
  expect(slots.rows).toEqual([{ slot_name: 'standby', active: true }]);
});

test('libpq reads the URI, odd password included, and refuses a wrong one', async () => {
  const { primary } = postgres;
  const select = (uri: string) =>
    primary.exec([
      'psql',
      '--no-password',
      '--tuples-only',
      '--no-align',
      `--command=SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
      `${uri}&sslrootcert=/var/lib/postgresql/tls/ca.pem`,
    ]);
  expect((await select(primary.uri)).stdout).toBe('t');
  await expect(select(primary.uriFor({ password: 'wrong' }))).rejects.toThrow(
    'password authentication failed',
  );
  await expect(select(primary.uri.replace('verify-full', 'disable'))).rejects.toThrow(
    'no encryption',
  );
});
