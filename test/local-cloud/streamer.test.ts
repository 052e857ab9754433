import {
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backupRoleName } from '../../contract/environment-names.ts';
import { EnvironmentVariable } from '../../contract/environment-variables.ts';
import { type LocalCloud, startLocalCloud } from './local-cloud.ts';
import { podman } from './servers/container.ts';
import { waitUntil } from './servers/wait-until.ts';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-physical' });
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

describe('the service of a streamer', () => {
  test('runs its container, told to stream, and where its lease lies', async () => {
    let variables: string[] = [];
    await waitUntil(
      async () => {
        const { containerName } = await cloud.streamer().task();
        const format = ['--format', '{{json .Config.Env}}'];
        const { stdout } = await podman(['inspect', ...format, containerName]);
        variables = JSON.parse(stdout) as string[];
        return true;
      },
      { what: 'a container that is there to be asked', timeoutMs: 60_000 },
    );
    expect(variables).toContain(`${EnvironmentVariable.Action}=stream-wal`);
    expect(variables).toContain(`${EnvironmentVariable.LeaseTable}=${leaseTable()}`);
    expect(variables).toContain(`${EnvironmentVariable.Cluster}=orders`);
  });

  test('has another started when its task was killed, and none once it is stopped', async () => {
    const streamer = cloud.streamer();
    const before = await streamer.task();
    await streamer.kill();
    const after = await streamer.task();
    expect(after.arn).not.toBe(before.arn);
    await streamer.stop();
    const count = streamer.taskCount;
    expect(count).toBeGreaterThan(1);
    streamer.start();
    await streamer.task();
    expect(streamer.taskCount).toBe(count + 1);
  });

  test('is none of the backups', () => {
    expect(cloud.streamer().taskCount).toBeGreaterThan(0);
    expect(cloud.taskArns()).toEqual([]);
  });
});

test("a streamer's lease is its own cluster's, and no other's", async () => {
  const { accessKeyId, secretAccessKey, environment } = cloud.asRole(
    backupRoleName('local-physical', 'fifteen'),
  );
  const client = new DynamoDBClient({
    endpoint: environment.AWS_ENDPOINT_URL ?? '',
    region: cloud.region,
    credentials: { accessKeyId, secretAccessKey },
  });
  const TableName = leaseTable();
  const item = (cluster: string) => ({
    TableName,
    Item: { cluster: { S: cluster }, owner: { S: 'nobody' }, expiresAt: { N: '0' } },
  });
  const key = (cluster: string) => ({ TableName, Key: { cluster: { S: cluster } } });
  await client.send(new PutItemCommand(item('fifteen')));
  const { Item } = await client.send(new GetItemCommand(key('fifteen')));
  expect(Item).toEqual(item('fifteen').Item);
  await client.send(new DeleteItemCommand(key('fifteen')));
  const refused = { name: expect.stringContaining('AccessDenied') };
  await expect(client.send(new PutItemCommand(item('eighteen')))).rejects.toMatchObject(refused);
  await expect(client.send(new GetItemCommand(key('eighteen')))).rejects.toMatchObject(refused);
  client.destroy();
});

function leaseTable(): string {
  const [definition] = [...cloud.model.taskDefinitions.values()].filter(({ family }) =>
    family.includes('_wal_'),
  );
  return definition?.container.environment[EnvironmentVariable.LeaseTable] ?? 'none';
}
