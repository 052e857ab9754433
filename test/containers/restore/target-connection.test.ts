import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { expect, test } from 'vitest';
import {
  clientEnvironment,
  parseTargetUri,
  withAuthorities,
} from '../../../containers/runner/restore/target-connection.ts';
import { asideName, temporaryName } from '../../../containers/runner/restore/temporary-name.ts';

test('takes a URI apart, with every odd character', () => {
  const secret = 'p@:/?#%& ß"\'';
  const target = parseTargetUri(
    `postgresql://us%40er:${encodeURIComponent(secret)}@db.example:6543/shop%20x?sslmode=require`,
  );
  expect(target).toEqual({
    host: 'db.example',
    port: 6543,
    user: 'us@er',
    password: secret,
    database: 'shop x',
    sslmode: 'require',
  });
  const environment = clientEnvironment(target);
  expect(environment).toMatchObject({
    PGHOST: 'db.example',
    PGPASSWORD: secret,
    PGSSLMODE: 'require',
  });
  expect(Object.keys(environment).filter((name) => name.startsWith('AWS'))).toEqual([]);
});

test('a password beside the URI serves our sessions and the programs, where the URI has none', () => {
  const beside = parseTargetUri('postgresql://u@h/', undefined, 'p%40ss');
  expect(clientEnvironment(beside).PGPASSWORD).toBe('p%40ss');
  expect(beside.password).toBe('p%40ss');
  expect(parseTargetUri('postgresql://u:own@h/', undefined, 'p').password).toBe('own');
});

test('verifies the server unless told otherwise, against our own authorities or the one named', async () => {
  const uri = 'postgresql://u@h/';
  expect(parseTargetUri(uri)).toMatchObject({
    sslmode: 'verify-full',
    port: 5432,
    database: 'postgres',
  });
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-authorities-'));
  const trusting = await withAuthorities(parseTargetUri(uri), directory);
  expect(clientEnvironment(trusting)).toMatchObject({
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: `${directory}/authorities.pem`,
  });
  const written = await readFile(`${directory}/authorities.pem`, 'utf8');
  expect(written.split('-----BEGIN CERTIFICATE-----')).toHaveLength(
    getCACertificates('default').length + 1,
  );
  await rm(directory, { recursive: true });
  const named = await withAuthorities(parseTargetUri(uri, '/ca.pem'), directory);
  expect(clientEnvironment(named)).toMatchObject({ PGSSLROOTCERT: '/ca.pem' });
});

test.each([
  ['mysql://u:geheim@h/', 'postgresql://'],
  ['postgresql://u:geheim@a,b/', 'several hosts'],
  ['postgresql://u:geheim@h/?sslmode=prefer', 'sslmode is prefer'],
  ['postgresql://u:geheim@h/?sslmode=verify-ca', 'without an authority'],
  ['postgresql://u:geheim@h/?target_session_attrs=any', 'target_session_attrs is not supported'],
  ['postgresql://h/', 'no user'],
  ['postgresql://u:geheim@h:port/', 'cannot be parsed'],
])('refuses %s without quoting it', (uri, found) => {
  const refusal = (() => {
    try {
      parseTargetUri(uri);
    } catch (error) {
      return error as Error;
    }
    throw new Error('It was accepted.');
  })();
  expect(refusal).toMatchObject({
    code: 'REQUEST_INVALID',
    message: expect.stringContaining(found),
  });
  expect(JSON.stringify(refusal)).not.toContain('geheim');
});

test('gives names that PostgreSQL does not cut off', () => {
  const now = new Date('2026-11-20T03:00:00Z');
  expect(asideName('orders', now)).toBe('orders_before_20261120t030000z');
  for (const name of ['x'.repeat(63), 'é'.repeat(31), '🐘'.repeat(15)]) {
    const aside = asideName(name, now);
    expect(Buffer.byteLength(aside)).toBeLessThanOrEqual(63);
    expect(aside).not.toContain('\ufffd');
    expect(Buffer.byteLength(temporaryName(name))).toBeLessThanOrEqual(63);
  }
  expect(asideName(`${'x'.repeat(62)}a`, now)).not.toBe(asideName(`${'x'.repeat(62)}b`, now));
});
