import { ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
import { expect } from 'vitest';
import { backupRoleName } from '../../contract/environment-names.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { StartTaskAnswer } from '../../contract/request.ts';
import { planTask } from '../../functions/start-task/plan.ts';
import type { TaskEnd } from '../local-cloud/local-cloud.ts';
import type { FaultCase } from './choose-cases.ts';
import { type FaultCloud, failureIn, HOLD, logOf } from './fault-cloud.ts';

/**
 * Starts a task for the backup that is due then. ECS is asked directly, without a client token:
 * start-task would refuse a second one.
 */
async function startBeside(faults: FaultCloud, due: Date): Promise<StartTaskAnswer> {
  const { admin } = faults.cloud.principals;
  const [ecsCluster = ''] = faults.cloud.model.ecsClusters.keys();
  const { input, request } = planTask(
    {
      ...{ action: 'backup', cluster: 'orders', kind: 'logical' },
      ...{ schedule: 'daily', scheduledTime: due.toISOString() },
    },
    {
      ...{ environment: 'local', ecsCluster, clusters: ['orders'], retiredClusters: [] },
      ...{ subnets: ['subnet-1'], securityGroups: ['sg-1'], assignPublicIp: false },
    },
    { id: 'unused', now: new Date().toISOString() },
  );
  const ecs = new ECSClient({
    endpoint: admin.environment.AWS_ENDPOINT_URL_ECS ?? '',
    region: faults.cloud.region,
    credentials: admin,
  });
  const { clientToken: _, ...withoutToken } = input;
  const { tasks = [] } = await ecs.send(new RunTaskCommand(withoutToken));
  ecs.destroy();
  return { cluster: 'orders', label: request.label, taskArn: tasks[0]?.taskArn ?? '' };
}

async function sameLabelTwice(faults: FaultCloud): Promise<void> {
  const complete = { operation: 'CompleteMultipartUpload', fault: HOLD } as const;
  const trap = faults.s3.set({ ...complete, key: /globals/ });
  const others = faults.s3.set({ ...complete, key: /db-/ });
  const first = await faults.begin();
  const second = await startBeside(faults, faults.lastDue);
  expect(second.label).toBe(first.label);
  expect(second.taskArn).not.toBe(first.taskArn);
  await faults.waitFor(() => trap.met === 2, 'both tasks to complete their first artifact');
  trap.release();
  // What the loser does in its end must not touch what the winner has still open.
  await Promise.race([faults.finish(first), faults.finish(second)]);
  others.release();
  const ends = await Promise.all([faults.finish(first), faults.finish(second)]);
  const statuses = ends.map(({ exitCode }) => exitCode).sort();
  expect(statuses, ends.map(logOf).join('\n')).toEqual([ExitCode.Ok, ExitCode.LabelTaken]);
  const loser = ends.find(({ exitCode }) => exitCode !== 0) as TaskEnd;
  expect(failureIn(loser)).toMatchObject({
    code: 'LABEL_TAKEN',
    message: expect.stringContaining(first.label),
  });
  const winner = ends.find(({ exitCode }) => exitCode === 0) as TaskEnd;
  await faults.expectPublished({ started: first, end: winner });
  const { artifacts } = await faults.manifestOf(first.label);
  expect(await faults.artifactsOf(first.label)).toHaveLength(artifacts.length);
}

/** Nothing failed, nothing was added, and nobody was told anything. */
async function expectNothingNew(
  faults: FaultCloud,
  repeat: StartTaskAnswer,
  before: { readonly artifacts: readonly string[]; readonly told: number },
): Promise<void> {
  const end = await faults.finish(repeat);
  await faults.expectPublished({ started: repeat, end });
  expect(logOf(end)).toContain('"backup is there already"');
  expect(logOf(end)).not.toContain('"backup published"');
  expect(await faults.artifactsOf(repeat.label)).toEqual(before.artifacts);
  const { answer } = await faults.cloud.stopOf(repeat.taskArn);
  expect(answer.payload).toMatchObject({ verdict: { succeeded: true }, told: false });
  expect(await faults.cloud.published()).toHaveLength(before.told);
}

async function repeatOfSuccess(faults: FaultCloud): Promise<void> {
  const { started, end } = await faults.run();
  await faults.expectPublished({ started, end });
  const artifacts = await faults.artifactsOf(started.label);
  const told = (await faults.cloud.published()).length;
  const calls = faults.s3.calls.length;
  // The source may be gone by then: nobody asks it.
  faults.giveTasks({ environment: { HOLDFAST_SECRET_ID: 'gone' } });
  const repeat = await startBeside(faults, faults.lastDue);
  expect(repeat.label).toBe(started.label);
  await expectNothingNew(faults, repeat, { artifacts, told });
  const written = faults.s3.calls
    .slice(calls)
    .filter(({ operation }) => !/^(List|Get|Head)/.test(operation));
  expect(written).toEqual([]);
}

async function overtaken(faults: FaultCloud): Promise<void> {
  const held = faults.s3.set({ operation: 'CompleteMultipartUpload', key: /globals/, fault: HOLD });
  const loser = await faults.begin();
  await held.sprung;
  const told = (await faults.cloud.published()).length;
  // Past the proxy, where nothing is held.
  faults.giveTasks({ environment: { AWS_ENDPOINT_URL_S3: faults.cloud.s3Endpoint } });
  const winner = await startBeside(faults, faults.lastDue);
  expect(winner.label).toBe(loser.label);
  const end = await faults.finish(winner);
  expect(end.exitCode, logOf(end)).toBe(ExitCode.Ok);
  const artifacts = await faults.artifactsOf(winner.label);
  held.release();
  await expectNothingNew(faults, loser, { artifacts, told });
}

async function killBetweenCompletions(faults: FaultCloud): Promise<void> {
  const living = await faults.begin();
  const held = faults.s3.set({
    ...{ operation: 'UploadPart', key: new RegExp(`${living.label}.*\\.dat`), fault: HOLD },
  });
  await held.sprung;
  const dead = await startBeside(faults, faults.nextDue());
  const trap = faults.s3.set({
    ...{ operation: 'CompleteMultipartUpload', key: new RegExp(dead.label), from: 2, fault: HOLD },
  });
  await trap.sprung;
  process.kill((await faults.cloud.task(dead.taskArn)).pid, 'SIGKILL');
  expect((await faults.finish(dead)).exitCode).toBe(137);
  expect(await faults.artifactsOf(dead.label)).toHaveLength(1);
  expect(await faults.openUploadsOf(dead.label)).toHaveLength(4);
  const openOfLiving = await faults.openUploadsOf(living.label);
  expect(openOfLiving.length).toBeGreaterThan(0);

  const next = await startBeside(faults, faults.nextDue());
  const end = await faults.finish(next);
  await faults.expectPublished({ started: next, end });
  expect(logOf(end)).toContain('"stale uploads aborted"');
  expect(await faults.openUploadsOf(dead.label)).toEqual([]);
  expect(await faults.openUploadsOf(living.label)).toEqual(openOfLiving);
  expect(await faults.listed()).not.toContain(dead.label);
  held.release();
  await faults.expectPublished({ started: living, end: await faults.finish(living) });
}

export const TASK_CASES: readonly FaultCase[] = [
  {
    name: 'of two tasks under one label one publishes, and the other finds the label taken',
    always: true,
    run: sameLabelTwice,
  },
  {
    name: 'a task whose backup is there already ends well, adds nothing, and is no failure',
    always: true,
    run: repeatOfSuccess,
  },
  {
    name: 'a task that is overtaken by another one under its label ends well, and leaves nothing open',
    always: true,
    run: overtaken,
  },
  {
    name: 'two tasks under two labels both publish',
    run: async (faults) => {
      const both = [await faults.begin(), await startBeside(faults, faults.nextDue())];
      for (const started of both) {
        await faults.expectPublished({ started, end: await faults.finish(started) });
      }
    },
  },
  {
    name: 'a task killed after its first completion leaves orphans; the next run aborts what it left open, and nothing of a task that lives',
    always: true,
    run: killBetweenCompletions,
  },
  {
    name: 'keys that are revoked in mid-run end it; the next run aborts what it had to leave open',
    run: async (faults) => {
      const { started, release } = await faults.beginAndHold();
      await faults.cloud.revokeKeys(backupRoleName('local', 'orders'));
      const open = (await faults.openUploadsOf(started.label)).length;
      expect(open).toBeGreaterThan(0);
      release();
      const end = await faults.finish(started);
      expect(logOf(end)).toContain('"upload left open"');
      const failure = await faults.expectFailed({ started, end }, 'VAULT_UNAVAILABLE', { open });
      expect(failure.hint).toContain('credentials');
    },
  },
];
