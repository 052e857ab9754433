import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DescribeTasksCommand,
  ListTasksCommand,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLUSTER, DEFINITION, PlatformFixture } from './platform-fixture.ts';
import type { Statement } from './policy.ts';

let fixture: PlatformFixture;
beforeAll(async () => {
  fixture = await PlatformFixture.start();
});
afterAll(() => fixture.stop(), 30_000);

describe('who may call', () => {
  test('a role without ecs:RunTask is refused, and told which action on which resource', async () => {
    fixture.addRole('powerless', []);
    await expect(
      fixture.ecs('powerless').send(new RunTaskCommand(runTask())),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(`ecs:RunTask on resource: ${DEFINITION}`),
    });
  });

  test('a role that may run tasks on another cluster only is refused', async () => {
    fixture.addRole('elsewhere', mayRun(`${CLUSTER}-of-others`));
    await expect(fixture.ecs('elsewhere').send(new RunTaskCommand(runTask()))).rejects.toThrow(
      /not authorized to perform: ecs:RunTask/,
    );
  });

  test('a role that may not pass the execution role is refused', async () => {
    fixture.addRole('half', [mayRun(CLUSTER)[0] as Statement, mayPass('task')]);
    await expect(fixture.ecs('half').send(new RunTaskCommand(runTask()))).rejects.toThrow(
      /iam:PassRole on resource: arn:aws:iam::000000000000:role\/execution/,
    );
  });

  test('an unknown key pair is refused', async () => {
    await expect(fixture.ecs('stranger').send(new RunTaskCommand(runTask()))).rejects.toMatchObject(
      {
        name: 'UnrecognizedClientException',
      },
    );
  });
});

describe('RunTask', () => {
  test('runs the container under its definition, with overrides, and stops it', async () => {
    fixture.addRole('starter', mayRun(CLUSTER));
    const client = fixture.ecs('starter');
    const { tasks = [] } = await client.send(new RunTaskCommand(runTask({ OVERRIDDEN: 'yes' })));
    const arn = tasks[0]?.taskArn ?? '';
    const task = fixture.platform.tasks.find(arn);
    if (task === undefined) throw new Error(`no task ${arn}`);
    await waitFor(
      () => existsSync(task.logFile) && readFileSync(task.logFile, 'utf8').includes('root is not'),
      task.stopped,
    );
    const environment = readFileSync(
      `/proc/${await fixture.platform.tasks.pid(task)}/environ`,
      'utf8',
    );
    expect(environment.split('\0')).toEqual(
      expect.arrayContaining(['FROM_TEMPLATE=yes', 'OVERRIDDEN=yes', 'AWS_REGION=eu-central-1']),
    );
    expect(readFileSync(task.logFile, 'utf8')).toContain('started\n10001\nspool is writable\n');
    expect(existsSync(join(await fixture.platform.tasks.firstVolumeOnHost(task), 'file'))).toBe(
      true,
    );
    expect(await credentialsIn(environment)).toMatchObject({ AccessKeyId: 'AKIAtask', Token: '' });

    const list = new ListTasksCommand({ cluster: 'tests', family: 'sleeper' });
    expect((await fixture.ecs('ADMIN').send(list)).taskArns).toEqual([arn]);
    await fixture
      .ecs('ADMIN')
      .send(new StopTaskCommand({ cluster: 'tests', task: arn, reason: 'enough' }));
    await task.stopped;
    const describeTask = new DescribeTasksCommand({ cluster: CLUSTER, tasks: [arn] });
    expect((await fixture.ecs('ADMIN').send(describeTask)).tasks?.[0]).toMatchObject({
      lastStatus: 'STOPPED',
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
      containers: [{ name: 'runner', exitCode: 137 }],
    });
  }, 120_000);

  test('the same client token and parameters give the same task, others a conflict', async () => {
    const once = { ...runTask({ A: '1' }), clientToken: 'token' };
    const first = await fixture.ecs('ADMIN').send(new RunTaskCommand(once));
    const again = await fixture.ecs('ADMIN').send(new RunTaskCommand(once));
    expect(again.tasks?.[0]?.taskArn).toBe(first.tasks?.[0]?.taskArn);
    await expect(
      fixture
        .ecs('ADMIN')
        .send(new RunTaskCommand({ ...runTask({ A: '2' }), clientToken: 'token' })),
    ).rejects.toMatchObject({ name: 'ConflictException' });
  });

  test('overrides may have 8,192 characters and not one more', async () => {
    const empty = JSON.stringify(runTask({ A: '' }).overrides).length;
    const tooLong = runTask({ A: 'x'.repeat(8193 - empty) });
    await expect(fixture.ecs('ADMIN').send(new RunTaskCommand(tooLong))).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringContaining('8193'),
    });
    await fixture.ecs('ADMIN').send(new RunTaskCommand(runTask({ A: 'x'.repeat(8192 - empty) })));
  });
});

function mayRun(cluster: string): Statement[] {
  const run: Statement = {
    Effect: 'Allow',
    Action: 'ecs:RunTask',
    Resource: DEFINITION,
    Condition: { ArnEquals: { 'ecs:cluster': cluster } },
  };
  return [run, mayPass('task'), mayPass('execution')];
}

function mayPass(name: string): Statement {
  return {
    Effect: 'Allow',
    Action: 'iam:PassRole',
    Resource: `arn:aws:iam::000000000000:role/${name}`,
    Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
  };
}

function runTask(environment: Record<string, string> = {}): RunTaskCommandInput {
  return {
    cluster: CLUSTER,
    taskDefinition: DEFINITION,
    launchType: 'FARGATE',
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
    overrides: {
      containerOverrides: [
        {
          name: 'runner',
          environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
        },
      ],
    },
  };
}

async function credentialsIn(environment: string): Promise<unknown> {
  const [, url = ''] = /AWS_CONTAINER_CREDENTIALS_FULL_URI=([^\0]+)/.exec(environment) ?? [];
  return await (await fetch(url)).json();
}

async function waitFor(condition: () => boolean, ended: Promise<void>): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!condition()) {
    if (over) throw new Error('The task stopped before that.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
