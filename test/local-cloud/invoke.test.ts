import { join } from 'node:path';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FUNCTION, PlatformFixture } from './platform-fixture.ts';

let fixture: PlatformFixture;
beforeAll(async () => {
  fixture = await PlatformFixture.start();
});
afterAll(() => fixture.stop(), 30_000);

test('a role without lambda:InvokeFunction is refused', async () => {
  fixture.addRole('idle', []);
  await expect(
    fixture.lambda('idle').send(new InvokeCommand({ FunctionName: 'echo' })),
  ).rejects.toMatchObject({ name: 'AccessDeniedException' });
});

test("runs the bundle under the template's and the runtime's environment, and nothing else", async () => {
  process.env.OF_THE_CALLER = 'must not be seen';
  const { payload, error } = await invoke({ hello: 'world' });
  expect(error).toBeUndefined();
  expect(payload).toMatchObject({ event: { hello: 'world' }, name: 'echo' });
  expect(payload.directory).toBe(join(fixture.directory, 'functions/echo'));
  expect(payload.environment).toMatchObject({
    FROM_TEMPLATE: 'yes',
    AWS_ACCESS_KEY_ID: 'AKIAfunction',
    AWS_LAMBDA_FUNCTION_NAME: 'echo',
    AWS_REGION: 'eu-central-1',
  });
  expect(payload.environment).not.toHaveProperty('OF_THE_CALLER');
  expect(payload.remaining).toBeGreaterThan(0);
  expect(payload.remaining).toBeLessThanOrEqual(2000);
});

test.each([
  [{ fail: 'on purpose' }, { errorType: 'TypeError', errorMessage: 'on purpose' }],
  [{ sleep: 30 }, { errorType: 'Sandbox.Timedout' }],
  [{ exit: 3 }, { errorType: 'Runtime.ExitError' }],
])('answers a failure as Lambda does: %j', async (event, expected) => {
  const { payload, error } = await invoke(event);
  expect(error).toBe('Unhandled');
  expect(payload).toMatchObject(expected);
});

test('an unknown function is not found', async () => {
  await expect(
    fixture.lambda('ADMIN').send(new InvokeCommand({ FunctionName: 'nothing' })),
  ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('an Event is accepted at once', async () => {
  const event = new InvokeCommand({ FunctionName: FUNCTION, InvocationType: 'Event' });
  expect((await fixture.lambda('ADMIN').send(event)).StatusCode).toBe(202);
});

async function invoke(event: object): Promise<{
  payload: Record<string, unknown>;
  error: string | undefined;
}> {
  const Payload = Buffer.from(JSON.stringify(event));
  const answer = await fixture
    .lambda('ADMIN')
    .send(new InvokeCommand({ FunctionName: 'echo', Payload }));
  const payload = JSON.parse(Buffer.from(answer.Payload ?? []).toString('utf8'));
  return { payload, error: answer.FunctionError };
}
