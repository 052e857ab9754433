import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dumpFailure } from '../../../containers/runner/logical/dump-failure.ts';
import { takeSnapshot } from '../../../containers/runner/source/snapshot.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { BACKUP_ROLE } from '../../local-cloud/seed.ts';
import { type Balancer, startBalancer } from '../../local-cloud/servers/balancer.ts';
import { freePort } from '../../local-cloud/servers/free-port.ts';
import { startPgBouncer } from '../../local-cloud/servers/pgbouncer.ts';
import type { PostgresStandby } from '../../local-cloud/servers/postgres.ts';
import { waitUntil } from '../../local-cloud/servers/wait-until.ts';
import { type SourceFixture, startSources } from './source-fixture.ts';

let sources: SourceFixture;
let second: PostgresStandby;
beforeAll(async () => {
  sources = await startSources();
  second = await sources.startStandby('second');
  await second.waitForReplay();
});
afterAll(() => sources.stop());

function uriOf(port: number, host = '127.0.0.1'): string {
  const uri = new URL(sources.standby.uriFor(BACKUP_ROLE));
  return uri.href.replace(/@[^/]*/, `@${host}:${port}`);
}

describe('what is chosen', () => {
  test('is the first replica that answers, of many URIs and hosts', async () => {
    const closed = await freePort();
    const hosts = `127.0.0.1:${closed},127.0.0.1:${sources.primary.port},127.0.0.1:${second.port}`;
    const several = sources.standby.uriFor(BACKUP_ROLE).replace(/@[^/]*/, `@${hosts}`);
    const { outcome, refused } = await sources.choose([several, uriOf(sources.standby.port)]);
    expect(outcome).toMatchObject({ server: { target: { port: second.port }, uriIndex: 0 } });
    expect(refused).toMatchObject([
      { candidate: { uriIndex: 0, target: { port: closed } }, why: { code: 'SOURCE_UNREACHABLE' } },
    ]);
  });

  test('is one address of those that a name stands for, the first that answers', async () => {
    // Only 127.0.0.1 listens; the certificate is for localhost too.
    const { outcome } = await sources.choose([uriOf(second.port, 'localhost')], {
      resolve: async () => ['127.0.0.3', '127.0.0.1', '127.0.0.2'],
    });
    expect(outcome).toMatchObject({
      server: { address: '127.0.0.1', target: { host: 'localhost' } },
    });
  });

  test('is never the primary, unless that is allowed', async () => {
    const uris = [uriOf(sources.primary.port)];
    expect((await sources.choose(uris)).outcome).toMatchObject({ code: 'SOURCE_NOT_REPLICA' });
    expect((await sources.choose(uris, { allowPrimary: true })).outcome).toMatchObject({
      survey: { inRecovery: false, replayLagSeconds: 0 },
    });
  });
});

describe('a server that will not do is told from the others', () => {
  test.each([
    ['nothing listens there', async () => uriOf(await freePort()), {}, 'SOURCE_UNREACHABLE'],
    [
      'its name is nobody’s',
      () => uriOf(second.port, 'no-such-host.invalid'),
      {},
      'SOURCE_UNREACHABLE',
    ],
    [
      'its certificate is not for that name',
      () => uriOf(second.port, 'replica.example'),
      { resolve: async () => ['127.0.0.1'] },
      'SOURCE_TLS',
    ],
    [
      'its password is another',
      () => second.uriFor({ ...BACKUP_ROLE, password: 'wrong' }),
      {},
      'SOURCE_AUTHENTICATION',
    ],
    ['its major is another', () => uriOf(second.port), { postgresMajor: 16 }, 'SOURCE_VERSION'],
  ] as const)('%s', async (_, uri, options, code) => {
    const { outcome } = await sources.choose([await uri()], options);
    expect(outcome).toMatchObject({ code });
    expect(JSON.stringify(outcome)).not.toContain(encodeURIComponent(BACKUP_ROLE.password));
    expect(JSON.stringify(outcome)).not.toContain(BACKUP_ROLE.user);
  });

  test('what the name is not proved to be is taken where sslmode asks for less', async () => {
    const uri = uriOf(second.port, 'replica.example').replace('verify-full', 'verify-ca');
    const { outcome } = await sources.choose([uri], { resolve: async () => ['127.0.0.1'] });
    expect(outcome).toMatchObject({ server: { target: { sslmode: 'verify-ca' } } });
  });
});

describe('an address that leads to several servers', () => {
  let balancer: Balancer;
  beforeAll(async () => {
    balancer = await startBalancer([sources.standby.port, second.port]);
  });
  afterAll(() => balancer.stop());

  test('is refused with what to give instead, and the next URI serves', async () => {
    const { outcome, refused } = await sources.choose([uriOf(balancer.port), uriOf(second.port)]);
    expect(outcome).toMatchObject({ server: { uriIndex: 1 } });
    expect(refused).toMatchObject([
      {
        why: {
          code: 'SOURCE_BALANCED',
          message: expect.stringContaining('leads to several servers'),
          hint: expect.stringContaining("each server's own address"),
        },
      },
    ]);
  });
});

test('that an address leads elsewhere is known from pg_dump too, when it comes out late', async () => {
  const unknown = '--snapshot=00000003-0000001B-1';
  const ca = 'sslrootcert=/var/lib/postgresql/tls/ca.pem';
  const failed = await second
    .exec(['pg_dump', unknown, `--dbname=${second.uri}&${ca}`])
    .catch((error: { stderr: string }) => error);
  expect(dumpFailure('pg_dump', 'shop', 'exit status 1', failed.stderr)).toMatchObject({
    code: 'SOURCE_BALANCED',
    message: expect.stringContaining('snapshot'),
  });
});

test('a balancer before one server is that server', async () => {
  const balancer = await startBalancer([second.port]);
  const { outcome } = await sources.choose([uriOf(balancer.port)]);
  expect(outcome).toMatchObject({ server: { target: { port: balancer.port } } });
  await balancer.stop();
});

describe('names that a database has for what PostgreSQL has, too', () => {
  /** All that questions of ours could call: zero to two arguments, and operators. */
  const TRAP = `
    create table caught (name text, by text);
    grant insert on caught to public;
    create function note(name text) returns void language plpgsql security invoker as $$
      begin insert into public.caught values (name, current_user); exception when others then null; end $$;
    create function has_schema_privilege(oid, text) returns bool language plpgsql as $$
      begin perform public.note('has_schema_privilege'); return true; end $$;
    create function current_setting(text) returns text language plpgsql as $$
      begin perform public.note('current_setting'); return pg_catalog.current_setting($1); end $$;
    create function pg_is_in_recovery() returns bool language plpgsql as $$
      begin perform public.note('pg_is_in_recovery'); return true; end $$;
    create function pg_backend_pid() returns int language plpgsql as $$
      begin perform public.note('pg_backend_pid'); return pg_catalog.pg_backend_pid(); end $$;
    create function aurora_db_instance_identifier() returns text language sql return 'me';
    create function aurora_replica_status() returns table (server_id text, durable_lsn bigint,
      current_read_lsn bigint, replica_lag_in_msec float8) language plpgsql as $$
      begin perform public.note('aurora_replica_status'); return query select 'me', 1::int8, 1::int8, 0::float8; end $$;
    create function matches_not(name, name) returns bool language plpgsql as $$
      begin perform public.note('operator'); return true; end $$;
    create operator !~ (leftarg = name, rightarg = name, function = matches_not)`;
  const as = (database: string) =>
    uriOf(sources.primary.port).replace('/postgres?', `/${database}?`);

  test.each([
    ['behind those of PostgreSQL', 'decoy', ''],
    ['before them', 'trapped', 'alter database trapped set search_path = public, pg_catalog'],
  ])('are never asked, %s', async (_, database, setting) => {
    await sources.primary.query(`create database ${database}`);
    await sources.primary.query(TRAP, { database });
    if (setting !== '') await sources.primary.query(setting);
    const { outcome } = await sources.choose([as(database)], { allowPrimary: true });
    if (outcome instanceof HoldfastError) throw outcome;
    expect(outcome.survey).toMatchObject({ inRecovery: false, lagProbe: 'primary' });
    const { rows } = await sources.primary.query(
      `select oid::int from pg_database where datname = '${database}'`,
    );
    const snapshot = await takeSnapshot(outcome.server, { name: database, oid: rows[0].oid });
    expect(await snapshot.rewritten()).toEqual([]);
    await snapshot.release();
    expect((await sources.primary.query('table caught', { database })).rows).toEqual([]);
  });
});

describe('a pooler', () => {
  const start = (mode: 'session' | 'transaction') =>
    startPgBouncer({ ...sources, server: sources.standby, mode, ...BACKUP_ROLE });

  test('by transaction is refused with where to go instead', async () => {
    const pooler = await start('transaction');
    try {
      expect((await sources.choose([uriOf(pooler.port)])).outcome).toMatchObject({
        code: 'SOURCE_POOLER',
        hint: expect.stringContaining("the server's direct port"),
      });
      // Who is given the server's session next finds its own names in it.
      const [connectionString] = uriOf(pooler.port).split('?');
      const next = new pg.Client({ connectionString, ssl: { rejectUnauthorized: false } });
      await next.connect();
      const { rows } = await next.query('show search_path');
      await next.end();
      expect(rows).toEqual([{ search_path: '"$user", public' }]);
    } finally {
      await pooler.stop();
    }
  });

  test('by session serves like the server itself', async () => {
    const pooler = await start('session');
    try {
      expect((await sources.choose([uriOf(pooler.port)])).outcome).toMatchObject({
        survey: { inRecovery: true },
      });
    } finally {
      await pooler.stop();
    }
  });
});

// The last: it leaves two primaries.
describe('a server that was left behind', () => {
  const why = (port: number, found: string) => ({
    candidate: { target: { port } },
    why: { code: 'SOURCE_CHANGED', message: expect.stringContaining(found) },
  });
  const chosen = async (...choice: Parameters<SourceFixture['choose']>) => {
    const { outcome, refused } = await sources.choose(...choice);
    if (outcome instanceof HoldfastError) throw outcome;
    return { port: outcome.server.target.port, notes: outcome.notes, refused };
  };
  const uris = (...servers: readonly { readonly port: number }[]) =>
    servers.map(({ port }) => uriOf(port));
  const sender = async (server: PostgresStandby, what: string): Promise<unknown> =>
    (await server.query(`select ${what} as it from pg_stat_wal_receiver`)).rows[0]?.it;

  let third: PostgresStandby;
  beforeAll(async () => {
    third = await sources.startStandby('third');
    await second.query(`select pg_create_physical_replication_slot('third')`);
    const { rows } = await third.query('show primary_conninfo');
    const conninfo = String(rows[0].primary_conninfo)
      .replace(`port=${sources.primary.port}`, `port=${second.port}`)
      .replaceAll("'", "''");
    await third.query(`alter system set primary_conninfo = '${conninfo}'`);
    await third.query('select pg_reload_conf()');
    await waitUntil(async () => (await sender(third, 'sender_port')) === second.port, {
      what: 'the third server to follow the second',
      timeoutMs: 120_000,
    });
  }, 300_000);

  test('is none where all are where they should be', async () => {
    const { standby, primary } = sources;
    expect(await chosen(uris(standby, second, primary))).toEqual({
      ...{ port: standby.port, notes: [], refused: [] },
    });
  });

  test('by a failover does not serve, however new it is to the primary that it follows', async () => {
    const { standby, primary } = sources;
    await second.query('select pg_promote()');
    const { outcome, refused } = await sources.choose(uris(standby, primary, second));
    expect(outcome).toMatchObject({
      code: 'SOURCE_CHANGED',
      hint: expect.stringContaining('Take its URI out of the secret'),
    });
    const behind = `is a replica on timeline 1, and 127.0.0.1:${second.port} is on timeline 2`;
    expect(refused[0]).toMatchObject(why(standby.port, behind));
  });

  test('as a primary does not serve either: the one on the later timeline does, which is told', async () => {
    const { standby, primary } = sources;
    for (const order of [
      [standby, primary, second],
      [second, primary, standby],
    ]) {
      const { port, notes, refused } = await chosen(uris(...order), { allowPrimary: true });
      expect(port).toBe(second.port);
      expect(notes).toEqual([
        expect.stringContaining(
          `127.0.0.1:${second.port}, which serves, and 127.0.0.1:${primary.port} are both primaries, on the timelines 2 and 1`,
        ),
      ]);
      expect(refused).toHaveLength(2);
      const found = refused.find(({ candidate }) => candidate.target.port === primary.port);
      expect(found).toMatchObject(why(primary.port, 'is a primary on timeline 1'));
    }
  });

  test('is known by the last backup, where the others do not answer', async () => {
    const { standby } = sources;
    const { rows } = await standby.query(
      'select system_identifier::text as system from pg_control_system()',
    );
    const last = {
      ...{ label: '20261120T030000Z-logical-full-7f3a9c', startedAt: new Date() },
      ...{ host: '127.0.0.1', port: standby.port, systemIdentifier: rows[0].system },
      ...{ timeline: 2, lsn: '0/1' },
    };
    expect((await sources.choose(uris(standby), { last })).outcome).toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining(`is on timeline 1, and 127.0.0.1:${standby.port} was on 2`),
    });
  });

  test('is none that follows it', async () => {
    await waitUntil(async () => (await sender(third, 'received_tli')) === 2, {
      what: 'the replica to follow',
      timeoutMs: 120_000,
    });
    expect((await chosen(uris(third, second))).port).toBe(third.port);
  });
});
