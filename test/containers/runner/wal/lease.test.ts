import { CreateTableCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../../../../containers/runner/log.ts';
import { type Lease, takeLease } from '../../../../containers/runner/wal/lease.ts';
import { LeaseAttribute } from '../../../../contract/wal-lease.ts';
import { type Moto, startMoto } from '../../../local-cloud/servers/moto.ts';
import { type Run, startRun } from '../../../local-cloud/servers/run.ts';

const TABLE = 'leases';
const SECONDS = { lease: 1.5, renewal: 0.3 };

let run: Run;
let moto: Moto;
let client: DynamoDBClient;
let clusters = 0;

beforeAll(async () => {
  run = await startRun();
  moto = await startMoto({ run });
  client = new DynamoDBClient({
    endpoint: moto.endpoint,
    region: moto.region,
    credentials: moto.admin,
  });
  await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: LeaseAttribute.Cluster, AttributeType: 'S' }],
      KeySchema: [{ AttributeName: LeaseAttribute.Cluster, KeyType: 'HASH' }],
    }),
  );
});
afterAll(async () => {
  client.destroy();
  await moto.stop();
  await run.stop();
});

function nextCluster(): string {
  clusters += 1;
  return `orders-${clusters}`;
}

interface Asked {
  readonly lease: Promise<Lease>;
  readonly lines: { readonly event: string }[];
  readonly abort: AbortController;
}

function ask(
  cluster: string,
  owner: string,
  through: Pick<DynamoDBClient, 'send'> = client,
): Asked {
  const lines: { event: string }[] = [];
  const log = createLog((line) => lines.push(JSON.parse(line)));
  const abort = new AbortController();
  const { signal } = abort;
  const seconds = SECONDS;
  const lease = takeLease({
    ...{ client: through, table: TABLE, cluster, owner, log, signal, seconds },
  });
  return { lease, lines, abort };
}

function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener('abort', () => resolve(signal.reason));
  });
}

test('of two that ask, one gets it, and the other when it is given back', async () => {
  const cluster = nextCluster();
  const first = await ask(cluster, 'first').lease;
  const second = ask(cluster, 'second');
  // Longer than a lease that nobody renews.
  const early = await Promise.race([
    second.lease.then(() => 'taken'),
    new Promise((resolve) => setTimeout(() => resolve('waits'), SECONDS.lease * 2_000)),
  ]);
  expect(early).toBe('waits');
  expect(first.lost.aborted).toBe(false);
  await first.release();
  const taken = await second.lease;
  expect(second.lines.map(({ event }) => event)).toEqual(['lease waited for', 'lease taken']);
  await taken.release();
});

test('one whose holder has gone is free once its time is over', async () => {
  const cluster = nextCluster();
  let gone = false;
  const dead = (async (command: never) => {
    if (gone) throw new Error('gone');
    return await client.send(command);
  }) as DynamoDBClient['send'];
  const first = await ask(cluster, 'first', { send: dead }).lease;
  gone = true;
  expect(await aborted(first.lost)).toMatchObject({ code: 'LEASE_LOST' });
  const second = await ask(cluster, 'second').lease;
  // It must not take away what is another's by now.
  gone = false;
  await first.release();
  const { Item } = await client.send(
    new GetItemCommand({ TableName: TABLE, Key: { cluster: { S: cluster } } }),
  );
  expect(Item?.owner).toEqual({ S: 'second' });
  await second.release();
});

test('whoever holds it and cannot renew it knows before anybody else may take it', async () => {
  const cluster = nextCluster();
  const first = await ask(cluster, 'first', {
    send: (async (command: { input: { ConditionExpression?: string } }) => {
      if (command.input.ConditionExpression === '#owner = :me') throw new Error('away');
      return await client.send(command as never);
    }) as DynamoDBClient['send'],
  }).lease;
  const second = ask(cluster, 'second');
  const order: string[] = [];
  await Promise.all([
    aborted(first.lost).then(() => order.push('lost')),
    second.lease.then(() => order.push('taken')),
  ]);
  expect(order).toEqual(['lost', 'taken']);
  await first.release();
  await (await second.lease).release();
});

test('waiting ends when it is told to', async () => {
  const cluster = nextCluster();
  const first = await ask(cluster, 'first').lease;
  const second = ask(cluster, 'second');
  second.abort.abort(new Error('stop'));
  await expect(second.lease).rejects.toThrow('stop');
  await first.release();
});
