import { describe, expect, it } from 'vitest';
import { parseTaskRequest } from '../../../contract/request.ts';
import {
  OVERRIDES_LIMIT_CHARACTERS,
  planTask,
  requireFittingOverrides,
} from '../../../functions/start-task/plan.ts';
import { FRESH, SCHEDULED, SETTINGS } from './settings-of-test.ts';

function requestOf(plan: ReturnType<typeof planTask>): unknown {
  const [override] = plan.input.overrides?.containerOverrides ?? [];
  const [variable] = override?.environment ?? [];
  expect(override?.name).toBe('runner');
  expect(variable?.name).toBe('HOLDFAST_REQUEST');
  return parseTaskRequest(variable?.value ?? '');
}

describe('a plan', () => {
  it("runs the cluster's newest task definition once, in the stack's network", () => {
    expect(planTask(SCHEDULED, SETTINGS, FRESH).input).toMatchObject({
      cluster: SETTINGS.ecsCluster,
      taskDefinition: 'holdfast_test_backup_orders',
      launchType: 'FARGATE',
      count: 1,
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ['subnet-1', 'subnet-2'],
          securityGroups: ['sg-1'],
          assignPublicIp: 'DISABLED',
        },
      },
    });
  });

  it('gives the task a public address where there is no NAT', () => {
    const { input } = planTask(SCHEDULED, { ...SETTINGS, assignPublicIp: true }, FRESH);
    expect(input.networkConfiguration?.awsvpcConfiguration?.assignPublicIp).toBe('ENABLED');
  });

  it('hands the request over as the runner reads it', () => {
    const plan = planTask(SCHEDULED, SETTINGS, FRESH);
    expect(requestOf(plan)).toEqual(plan.request);
  });

  it('is the same for a repeated event, and another for another time, cluster or attempt', () => {
    const plan = planTask(SCHEDULED, SETTINGS, FRESH);
    const later = { id: 'other', now: '2026-11-20T10:00:01Z' };
    expect(planTask({ ...SCHEDULED }, SETTINGS, later)).toEqual(plan);
    const tokens = [
      SCHEDULED,
      { ...SCHEDULED, scheduledTime: '2026-11-19T03:00:00Z' },
      { ...SCHEDULED, cluster: 'billing' },
      { ...SCHEDULED, attempt: 1 },
      { ...SCHEDULED, schedule: 'noon' },
    ].map((event) => planTask(event, SETTINGS, FRESH).input.clientToken);
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it('keeps apart two environments of one account', () => {
    const other = { ...SETTINGS, environment: 'other' };
    const { clientToken } = planTask(SCHEDULED, SETTINGS, FRESH).input;
    expect(planTask(SCHEDULED, other, FRESH).input.clientToken).not.toBe(clientToken);
  });

  it("fits ECS's limits with the longest names", () => {
    const cluster = 'c'.repeat(40);
    const event = { ...SCHEDULED, cluster, schedule: 's'.repeat(40) };
    const { input } = planTask(event, { ...SETTINGS, clusters: [cluster] }, FRESH);
    expect(input.clientToken).toHaveLength(64);
    expect(input.startedBy?.length).toBeLessThanOrEqual(36);
    expect(JSON.stringify(input.overrides).length).toBeLessThan(OVERRIDES_LIMIT_CHARACTERS);
  });

  it('tags the task with what it is for', () => {
    const { input, request } = planTask(SCHEDULED, SETTINGS, FRESH);
    expect(input.tags).toEqual([{ key: 'holdfast:label', value: request.label }]);
  });

  it('names a person who gives no id by the invocation', () => {
    const event = { action: 'backup', cluster: 'orders', kind: 'logical' };
    expect(planTask(event, SETTINGS, FRESH).request.askedBy).toEqual({
      by: 'person',
      requestId: FRESH.id,
      requestedAt: FRESH.now,
    });
  });
});

describe('refused is', () => {
  it('a cluster that is not configured, with those that are', () => {
    expect(() => planTask({ ...SCHEDULED, cluster: 'orderz' }, SETTINGS, FRESH)).toThrow(
      expect.objectContaining({
        code: 'CLUSTER_UNKNOWN',
        message: 'The environment test has no cluster orderz; it has orders, billing.',
      }),
    );
  });

  it('a retired cluster, and no other beside it', () => {
    const settings = { ...SETTINGS, retiredClusters: ['orders'] };
    expect(() => planTask(SCHEDULED, settings, FRESH)).toThrow(
      expect.objectContaining({
        code: 'CLUSTER_RETIRED',
        message: 'The cluster orders of test is retired: it takes no more backups.',
      }),
    );
    const other = { ...SCHEDULED, cluster: 'billing' };
    expect(planTask(other, settings, FRESH).request.cluster).toBe('billing');
  });

  it.each([
    ['nothing', undefined],
    ['text', 'backup'],
    ['no cluster', { action: 'backup', kind: 'logical' }],
    ['another action', { ...SCHEDULED, action: 'restore' }],
    ['another kind', { ...SCHEDULED, kind: 'both' }],
    ['a logical backup that rests on another', { ...SCHEDULED, type: 'incremental' }],
    ['a name out of the alphabet', { ...SCHEDULED, cluster: '../orders' }],
    ['an unknown field', { ...SCHEDULED, force: true }],
    ['a schedule without its time', { ...SCHEDULED, scheduledTime: undefined }],
    [
      'a time that was not filled in',
      { ...SCHEDULED, scheduledTime: '<aws.scheduler.scheduled-time>' },
    ],
    ['a schedule and a person at once', { ...SCHEDULED, requestId: 'a' }],
    ['a negative attempt', { ...SCHEDULED, attempt: -1 }],
  ])('%s', (_, event) => {
    expect(() => planTask(event, SETTINGS, FRESH)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    );
  });

  it('an override of more characters than ECS takes, and not one of exactly as many', () => {
    const empty = JSON.stringify({ containerOverrides: [{ name: '' }] }).length;
    const overrides = (characters: number) => ({
      containerOverrides: [{ name: 'x'.repeat(characters - empty) }],
    });
    expect(() => requireFittingOverrides(overrides(OVERRIDES_LIMIT_CHARACTERS))).not.toThrow();
    expect(() => requireFittingOverrides(overrides(OVERRIDES_LIMIT_CHARACTERS + 1))).toThrow(
      'takes 8193 characters as an override of the task; ECS accepts 8192',
    );
  });
});
