import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTablespace } from '../tablespace.ts';
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

test('REPLICATION alone takes base backups, tablespaces included, and keeps slots on both servers', async () => {
  const { primary, standby } = postgres;
  await primary.query(`CREATE ROLE minimal LOGIN REPLICATION PASSWORD 'minimal'`);
  await createTablespace(postgres, 'fast');
  const run = (server: typeof primary, script: string, role = 'minimal') => {
    const { port } = server;
    const conninfo = `host=127.0.0.1 port=${port} user=${role} sslmode=verify-full sslrootcert=/var/lib/postgresql/tls/ca.pem`;
    const environment = [`PGPASSWORD=minimal`, `C=${conninfo}`];
    const path = 'PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin';
    return server.exec(['env', path, ...environment, 'sh', '-euc', script]);
  };
  for (const server of [primary, standby]) {
    const taken = await run(
      server,
      'rm -rf /tmp/base; pg_basebackup -Ft -c fast -D /tmp/base -d "$C"; ls /tmp/base',
    );
    expect(taken.stdout).toMatch(/^\d+\.tar\nbackup_manifest\nbase\.tar\npg_wal\.tar$/);
    const slots = await run(
      server,
      `psql -XAtq -v ON_ERROR_STOP=1 "$C dbname=postgres" <<'END'
SELECT (pg_create_physical_replication_slot('kept', true)).slot_name;
SELECT (pg_replication_slot_advance('kept', CASE WHEN pg_is_in_recovery()
  THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)).slot_name;
SELECT wal_status, safe_wal_size > 0 FROM pg_replication_slots WHERE slot_name = 'kept';
SELECT summarized_tli FROM pg_get_wal_summarizer_state();
SELECT pg_drop_replication_slot('kept');
END`,
    );
    expect(slots.stdout.trim().split('\n')).toEqual(['kept', 'kept', 'reserved|t', '1']);
  }
  await primary.query(`CREATE ROLE plain LOGIN PASSWORD 'minimal'`);
  await expect(run(primary, 'pg_basebackup -Ft -D /tmp/no -d "$C"', 'plain')).rejects.toThrow(
    'permission denied to start WAL sender',
  );
});
