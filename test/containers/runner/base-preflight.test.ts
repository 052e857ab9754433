import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../../containers/runner/log.ts';
import { tellProgress } from '../../../containers/runner/physical/base-progress.ts';
import { refuseBase } from '../../../containers/runner/physical/preflight.ts';
import type { ChosenSource } from '../../../containers/runner/source/choose-source.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { BACKUP_ROLE } from '../../local-cloud/seed.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { waitUntil } from '../../local-cloud/servers/wait-until.ts';
import { type SourceFixture, startSources } from './source-fixture.ts';

let sources: SourceFixture;

beforeAll(async () => {
  sources = await startSources();
  await sources.primary.query('alter role holdfast replication');
  await sources.standby.waitForReplay();
}, 120_000);
afterAll(() => sources.stop());

async function chosen(
  server: PostgresServer,
  user: { user?: string; password?: string } = BACKUP_ROLE,
): Promise<ChosenSource> {
  const { outcome } = await sources.choose([server.uriFor(user)], { allowPrimary: true });
  if (outcome instanceof HoldfastError) throw outcome;
  return outcome;
}

async function refusal(
  server: PostgresServer,
  wanted: Partial<Parameters<typeof refuseBase>[1]> = {},
  user?: { user?: string; password?: string },
): Promise<HoldfastError | undefined> {
  return await refuseBase(await chosen(server, user), { type: 'full', wal: 'stream', ...wanted });
}

test('a server that has all it needs is not refused', async () => {
  expect(await refusal(sources.standby)).toBeUndefined();
  expect(await refusal(sources.primary)).toBeUndefined();
});

test('a role without REPLICATION is told the statement that gives it', async () => {
  await sources.primary.query('alter role holdfast noreplication');
  await sources.standby.waitForReplay();
  try {
    expect(await refusal(sources.standby)).toMatchObject({
      code: 'SOURCE_RIGHTS',
      hint: 'Run on the primary: ALTER ROLE holdfast REPLICATION;',
    });
  } finally {
    await sources.primary.query('alter role holdfast replication');
    await sources.standby.waitForReplay();
  }
});

test.each([
  ['rds_superuser', 'Amazon RDS'],
  ['cloudsqlsuperuser', 'Cloud SQL'],
  ['azure_pg_admin', 'Azure'],
  ['neon_superuser', 'Neon'],
  ['supabase_admin', 'Supabase'],
])(
  'a service that has a role %s is %s, of which logical backups can be taken',
  async (role, name) => {
    await sources.primary.query(`create role ${role}`);
    try {
      expect(await refusal(sources.primary)).toMatchObject({
        code: 'SOURCE_RIGHTS',
        message: expect.stringContaining(name),
        hint: expect.stringContaining('logical'),
      });
      // Where one is a superuser oneself, it is one's own server.
      expect(await refusal(sources.primary, {}, {})).toBeUndefined();
    } finally {
      await sources.primary.query(`drop role ${role}`);
    }
  },
);

test('Aurora is known by its function', async () => {
  const source = await chosen(sources.primary);
  await sources.primary.query(
    `create function pg_catalog.aurora_replica_status() returns int language sql as 'select 1'`,
  );
  try {
    expect(await refuseBase(source, { type: 'full', wal: 'stream' })).toMatchObject({
      code: 'SOURCE_RIGHTS',
      message: expect.stringContaining('Aurora'),
    });
  } finally {
    await sources.primary.query('drop function pg_catalog.aurora_replica_status()');
  }
});

async function set(server: PostgresServer, name: string, value: string): Promise<void> {
  await server.query(`alter system set ${name} = ${value}`);
  await server.query('select pg_reload_conf()');
  await waitUntil(async () => (await server.query(`show ${name}`)).rows[0][name] === value, {
    what: `${name} to be ${value}`,
    timeoutMs: 120_000,
  });
}

describe('settings', () => {
  test('a primary without full_page_writes may serve, its standby may not', async () => {
    const setWrites = async (value: string): Promise<void> => {
      await set(sources.primary, 'full_page_writes', value);
      await sources.primary.query('checkpoint');
      await sources.standby.waitForReplay();
      await sources.standby.query('checkpoint');
    };
    await setWrites('off');
    try {
      expect(await refusal(sources.primary)).toBeUndefined();
      expect(await refusal(sources.standby)).toMatchObject({
        code: 'SOURCE_SETTINGS',
        message: expect.stringContaining('full_page_writes = off'),
      });
    } finally {
      await setWrites('on');
    }
    expect(await refusal(sources.standby)).toBeUndefined();
  });

  test('without summarize_wal there is no incremental backup', async () => {
    await set(sources.standby, 'summarize_wal', 'off');
    expect(await refusal(sources.standby)).toBeUndefined();
    expect(await refusal(sources.standby, { type: 'incremental' })).toMatchObject({
      code: 'SOURCE_SETTINGS',
      hint: 'Run on it: ALTER SYSTEM SET summarize_wal = on; SELECT pg_reload_conf();',
    });
    await set(sources.standby, 'summarize_wal', 'on');
    expect(await refusal(sources.standby, { type: 'incremental' })).toBeUndefined();
  });

  test('wal_level = minimal keeps too little', async () => {
    const lone = await startLoneServer(sources, 'minimal');
    try {
      await lone.query('alter system set wal_level = minimal');
      await lone.query('alter system set summarize_wal = off');
      await lone.query('alter system set max_wal_senders = 0');
      await lone.crash();
      expect(await refusal(lone, {}, {})).toMatchObject({
        code: 'SOURCE_SETTINGS',
        message: expect.stringContaining('wal_level = minimal'),
      });
    } finally {
      await lone.stop();
    }
  });
});

test('each kind of WAL needs its number of free senders', async () => {
  const clients: pg.Client[] = [];
  try {
    // Ten are allowed.
    for (let taken = 0; taken < 9; taken += 1) clients.push(await openReplication(sources.standby));
    expect(await refusal(sources.standby, { wal: 'archive' })).toBeUndefined();
    expect(await refusal(sources.standby)).toMatchObject({
      code: 'SOURCE_SETTINGS',
      message: expect.stringContaining('9 of max_wal_senders = 10 in use'),
    });
    clients.push(await openReplication(sources.standby));
    expect(await refusal(sources.standby, { wal: 'archive' })).toMatchObject({
      code: 'SOURCE_SETTINGS',
    });
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});

async function openReplication(server: PostgresServer): Promise<pg.Client> {
  const { caPem } = sources.certificates;
  const options: pg.ClientConfig & { replication: string } = {
    connectionString: server.uri.replace('?sslmode=verify-full', ''),
    ssl: { ca: caPem },
    replication: 'true',
  };
  const client = new pg.Client(options);
  await client.connect();
  return client;
}

test('another base backup that is running comes first, and says how far it has come', async () => {
  const source = await chosen(sources.standby);
  const { applicationName } = source.server;
  const own = sources.standby.uriFor(BACKUP_ROLE).replace('verify-full', 'require');
  const slow = sources.standby.exec([
    ...['env', `PGAPPNAME=${applicationName}`],
    ...['bash', '-c', 'exec /usr/lib/postgresql/*/bin/pg_basebackup "$@"', 'bash'],
    ...['--pgdata=/tmp/slow', '--checkpoint=fast', '--max-rate=256k', '--wal-method=none'],
    `--dbname=${own}`,
  ]);
  const ended = expect(slow).rejects.toThrow();
  const running = 'select pid from pg_stat_progress_basebackup';
  try {
    await waitUntil(async () => (await sources.standby.query(running)).rowCount === 1, {
      what: 'the other base backup to run',
      timeoutMs: 60_000,
    });
    expect(await refusal(sources.standby)).toMatchObject({ code: 'BACKUP_RUNNING' });
    const lines: Record<string, unknown>[] = [];
    const log = createLog((line) => lines.push(JSON.parse(line)));
    const stops = [
      tellProgress({ source, log, full: true, everyMs: 50 }),
      // Not its own, though it is the same role's.
      tellProgress({
        source: { server: { ...source.server, applicationName: 'another' } },
        ...{ log: createLog(() => expect.unreachable()), full: true, everyMs: 50 },
      }),
    ];
    const moved = () => lines.filter(({ bytes }) => Number(bytes) > 0);
    await waitUntil(async () => moved().length > 1, {
      what: 'the base backup to get on',
      timeoutMs: 60_000,
    });
    for (const stop of stops) stop();
    const [line] = moved();
    expect(line).toMatchObject({
      ...{ level: 'info', event: 'base backup progress', phase: 'streaming database files' },
      ...{ bytesPerSecond: expect.any(Number), seconds: expect.any(Number) },
    });
    const [bytes, total] = [Number(line?.bytes), Number(line?.totalBytes)];
    expect(total).toBeGreaterThan(bytes);
    expect(line?.percent).toBe(Math.floor((bytes / total) * 100));
  } finally {
    await sources.standby.query(`select pg_terminate_backend(pid) from (${running}) running`);
    await ended;
  }
});
