import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { expect, test } from 'vitest';
import { createLog } from '../../../../containers/runner/log.ts';
import { walServers } from '../../../../containers/runner/wal/wal-servers.ts';

const URI = 'postgresql://holdfast:hunter22@db.example.com:5432/postgres';

/** Answers a secret's texts in turn; an error is thrown. */
function asked(...answers: (string | Error)[]) {
  const lines: string[] = [];
  const send = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return { SecretString: answer };
  };
  const log = createLog((line) => lines.push(line));
  const servers = walServers({
    ...{ secretId: 'holdfast/prod/orders', applicationName: 'holdfast_prod__orders', log },
    client: { send } as unknown as Pick<SecretsManagerClient, 'send'>,
  });
  const events = (): unknown[] => lines.map((line) => JSON.parse(line));
  return { servers, events, log, lines };
}

function throttled(): Error {
  return Object.assign(new Error('Rate exceeded'), { name: 'ThrottlingException' });
}

test('a secret that has said nothing yet is asked for again by whoever needs it', async () => {
  const { servers, events } = asked(throttled(), 'nonsense', URI);
  await expect(servers()).rejects.toMatchObject({
    code: 'SECRET_UNREADABLE',
    message: expect.stringContaining('ThrottlingException: Rate exceeded'),
  });
  await expect(servers()).rejects.toMatchObject({ code: 'SECRET_INVALID' });
  const { candidates, access } = await servers();
  expect(candidates).toMatchObject([{ uriIndex: 0, target: { host: 'db.example.com' } }]);
  expect(access).toMatchObject({ applicationName: 'holdfast_prod__orders' });
  expect(events()).toEqual([]);
});

test('what it said before has to do where it cannot be had, which is told', async () => {
  const other = URI.replace('hunter22', 'hunter33');
  const { servers, events, log, lines } = asked(URI, throttled(), 'nonsense', other);
  const known = await servers();
  expect(await servers()).toBe(known);
  expect(await servers()).toBe(known);
  expect(events()).toMatchObject([
    { level: 'warn', event: 'secret not read', code: 'SECRET_UNREADABLE' },
    { level: 'warn', event: 'secret not read', code: 'SECRET_INVALID' },
  ]);
  const changed = await servers();
  expect(changed.candidates[0]?.target.password).toBe('hunter33');
  log.info('both', { passwords: 'hunter22 hunter33' });
  expect(lines.at(-1)).toContain('**redacted** **redacted**');
});
