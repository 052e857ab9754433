import { describe, expect, test } from 'vitest';
import { conninfo } from '../../../containers/runner/keep-alive.ts';
import { parseConnectionUri } from '../../../containers/runner/source/connection-uri.ts';
import { libpqEnvironment } from '../../../containers/runner/source/server.ts';

describe('parseConnectionUri', () => {
  test('decodes every part, and verifies the host unless told otherwise', () => {
    const password = 'p@ss/w:ö%?#[]';
    const uri = `postgresql://back%40up:${encodeURIComponent(password)}@db.example:6432/my%20db`;
    expect(parseConnectionUri(uri, 0)).toEqual([
      {
        host: 'db.example',
        port: 6432,
        user: 'back@up',
        password,
        database: 'my db',
        sslmode: 'verify-full',
      },
    ]);
  });

  test('fills in port and database, and takes IPv6', () => {
    expect(parseConnectionUri('postgres://u:p@[::1]', 0)).toMatchObject([
      { host: '::1', port: 5432, database: 'postgres' },
    ]);
  });

  test('a weaker sslmode is an explicit choice', () => {
    expect(parseConnectionUri('postgres://u:p@h/d?sslmode=require', 0)).toMatchObject([
      { sslmode: 'require' },
    ]);
  });

  test('several hosts are as many servers, in their order, however odd the password', () => {
    const uri = 'postgresql://u:p,a%2Cs@a:1,b,[::1]:3/db?sslmode=verify-ca';
    const common = { user: 'u', password: 'p,a,s', database: 'db', sslmode: 'verify-ca' };
    expect(parseConnectionUri(uri, 0)).toEqual([
      { host: 'a', port: 1, ...common },
      { host: 'b', port: 5432, ...common },
      { host: '::1', port: 3, ...common },
    ]);
  });

  test.each([
    ['a host left out among several', 'postgresql://u:hunter2@a:1,/db', /cannot be parsed/],
    ['no host', 'postgresql:///db', /no host or no user/],
    ['no user', 'postgresql://h/db', /no host or no user/],
    [
      'an sslmode that proves nothing',
      'postgresql://u:hunter2@h/db?sslmode=prefer',
      /sslmode=prefer/,
    ],
    ['a raw percent sign', 'postgresql://u:hunter2%@h/db', /percent-encoding/],
    ['a bad port', 'postgresql://u:hunter2@h:port/db', /cannot be parsed/],
  ])('%s is refused, by its place and without quoting it', (_, uri, found) => {
    const refusal = (): unknown => parseConnectionUri(uri, 1);
    expect(refusal).toThrow(
      expect.objectContaining({ code: 'SECRET_INVALID', message: expect.stringMatching(found) }),
    );
    expect(refusal).toThrow(/URI 2 /);
    expect(refusal).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});

test('conninfo keeps idle connections alive, well before NAT forgets them', () => {
  expect(conninfo('shop')).toContain('keepalives_idle=30 keepalives_interval=10');
});

test('conninfo quotes a database name of odd characters', () => {
  expect(conninfo(`it's \\ "x"`)).toContain(`dbname='it\\'s \\\\ "x"' `);
});

test.each([
  ['verify-full', '/ca.pem'],
  ['verify-ca', '/ca.pem'],
  // With a file libpq would verify all the same.
  ['require', ''],
] as const)("libpq's programs verify the server under %s as our sessions do", (sslmode, file) => {
  const [target] = parseConnectionUri('postgresql://u:p@db/shop', 0);
  if (target === undefined) throw new Error('There is no target.');
  const environment = libpqEnvironment({
    uriIndex: 0,
    target: { ...target, sslmode },
    address: '127.0.0.1',
    applicationName: 'test',
    ca: 'PEM',
    caFile: '/ca.pem',
  });
  expect(environment).toMatchObject({ PGSSLMODE: sslmode, PGSSLROOTCERT: file });
});
