import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dumpFailure } from '../../../containers/runner/logical/dump-failure.ts';
import { BACKUP_ROLE } from '../../local-cloud/seed.ts';
import { type Balancer, startBalancer } from '../../local-cloud/servers/balancer.ts';
import { freePort } from '../../local-cloud/servers/free-port.ts';
import { startPgBouncer } from '../../local-cloud/servers/pgbouncer.ts';
import type { PostgresStandby } from '../../local-cloud/servers/postgres.ts';
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
