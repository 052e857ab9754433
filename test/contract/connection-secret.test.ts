import { describe, expect, test } from 'vitest';
import { parseConnectionSecret } from '../../contract/connection-secret.ts';

const replica = 'postgresql://u:p@replica/db';
const primary = 'postgres://u:p@primary/db';
const ca = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----';

describe('parseConnectionSecret', () => {
  test.each([
    ['one URI', ` ${replica}\n`, { uris: [replica] }],
    ['replica first', JSON.stringify({ primary, replica }), { uris: [replica, primary] }],
    ['a list', JSON.stringify({ uris: [primary, replica], ca }), { uris: [primary, replica], ca }],
    ['no URI twice', JSON.stringify({ uris: [primary], primary }), { uris: [primary] }],
  ])('%s', (_, text, secret) => {
    expect(parseConnectionSecret(text)).toEqual(secret);
  });

  test("RDS's shape, with a password of odd characters", () => {
    const password = 'a/b:c@d %?#&ü"\\';
    const { uris } = parseConnectionSecret(
      JSON.stringify({
        engine: 'postgres',
        host: 'db.example',
        port: 5433,
        username: 'u@x',
        password,
      }),
    );
    const url = new URL(uris[0] ?? '');
    expect(decodeURIComponent(url.password)).toBe(password);
    expect(decodeURIComponent(url.username)).toBe('u@x');
    expect([url.hostname, url.port, url.pathname]).toEqual(['db.example', '5433', '/postgres']);
  });

  test.each([
    ['no JSON', 'hunter2-hunter2'],
    ['an empty object', '{}'],
    ['no URIs', '{"uris":[]}'],
    ['another scheme', '{"replica":"mysql://u:hunter2@x/db"}'],
    ['broken JSON', '{"replica":"postgresql://u:hunter2@x/db"'],
  ])('%s is refused without quoting it', (_, text) => {
    const refusal = (): unknown => parseConnectionSecret(text);
    expect(refusal).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }));
    expect(refusal).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
