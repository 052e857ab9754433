import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { describeEcsTask, invokeStartTask } from '../../cli/aws-tasks.ts';

const EVENT = { action: 'backup', cluster: 'orders', kind: 'logical' } as const;
const TASK = 'arn:aws:ecs:eu-central-1:000000000000:task/holdfast_test/0123';

/** Answers every call with this error, as AWS does. */
let answer: { readonly status: number; readonly name: string };
let server: Server;
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      response
        .writeHead(answer.status, { 'x-amzn-errortype': answer.name })
        .end(JSON.stringify({ __type: answer.name, message: 'not so' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'x');
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test.each([
  { status: 403, name: 'AccessDeniedException', code: 'TASK_REFUSED', retryable: false },
  { status: 404, name: 'ResourceNotFoundException', code: 'ENVIRONMENT_INVALID', retryable: false },
  { status: 429, name: 'TooManyRequestsException', code: 'TASK_NOT_STARTED', retryable: true },
])('a call to start-task that ends with $name is $code', async ({ code, retryable, ...how }) => {
  answer = how;
  await expect(invokeStartTask('test', EVENT)).rejects.toMatchObject({ code, retryable });
});

test('a role that may not look at tasks is told so, and not to try again', async () => {
  answer = { status: 400, name: 'AccessDeniedException' };
  await expect(describeEcsTask(TASK)).rejects.toMatchObject({
    code: 'TASK_REFUSED',
    retryable: false,
    hint: 'It takes ecs:DescribeTasks. Without it: holdfast backup --no-wait',
  });
});

test('without a Region nothing is asked', async () => {
  vi.stubEnv('AWS_REGION', undefined);
  vi.stubEnv('AWS_DEFAULT_REGION', undefined);
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
  vi.stubEnv('AWS_PROFILE', undefined);
  await expect(invokeStartTask('test', EVENT)).rejects.toMatchObject({
    code: 'ENVIRONMENT_INVALID',
    message: 'No AWS Region is set.',
    hint: 'Set AWS_REGION, or AWS_PROFILE with a profile that has one.',
  });
  vi.stubEnv('AWS_PROFILE', 'holdfast');
  await expect(invokeStartTask('test', EVENT)).rejects.toMatchObject({
    code: 'ENVIRONMENT_INVALID',
    hint: expect.stringContaining(
      'AWS_PROFILE is "holdfast", and there is no such profile in /dev/',
    ),
  });
});
