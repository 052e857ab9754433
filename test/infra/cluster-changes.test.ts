import { describe, expect, it } from 'vitest';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { readSettings } from '../../functions/start-task/settings.ts';
import type { ClusterEnvironment } from '../../infra/environment.ts';
import { resource, resources } from './deployed-values.ts';
import { BILLING, ENVIRONMENT, ORDERS } from './example-environment.ts';
import { mayWithKey, RESTORE } from './simulation.ts';
import { type Synthesized, synthesize } from './synthesized.ts';
import { diffTemplates, type TemplateDiff } from './template-diff.ts';

const LEGACY: ClusterEnvironment = {
  ...ORDERS,
  name: 'legacy',
  postgresMajor: 16,
  secretName: 'holdfast/test/legacy',
};

const withClusters = (...clusters: ClusterEnvironment[]): Synthesized =>
  synthesize({ ...ENVIRONMENT, clusters });

const TWO = withClusters(ORDERS, BILLING);
const THREE = withClusters(ORDERS, BILLING, LEGACY);
const RETIRED = withClusters(ORDERS, BILLING, { ...LEGACY, retired: true });

/**
 * What has to know all clusters: start-task, its rights, the rights to start their containers, and
 * those of task-stopped to read their logs.
 */
const KNOWS_ALL = ['AWS::IAM::Policy', 'AWS::IAM::Role', 'AWS::IAM::Role', 'AWS::Lambda::Function'];

/** What a cluster has besides, whose WAL is streamed; a retired one is no longer. */
const OF_A_STREAMER = [
  ...Array<string>(7).fill('AWS::CloudWatch::Alarm'),
  'AWS::ECS::Service',
  // Its own, and its probe's.
  'AWS::ECS::TaskDefinition',
  'AWS::ECS::TaskDefinition',
  'AWS::IAM::Role',
  'AWS::Logs::LogGroup',
  'AWS::Scheduler::Schedule',
];

/** Everything that one cluster has in the backup stack. */
const OF_A_CLUSTER = [
  ...OF_A_STREAMER,
  'AWS::ECS::TaskDefinition',
  'AWS::IAM::Role',
  'AWS::Logs::LogGroup',
  'AWS::SSM::Parameter',
  'AWS::Scheduler::Schedule',
  'AWS::Scheduler::Schedule',
].sort();

const KEPT_IN_THE_VAULT = [
  'AWS::Events::Rule',
  'AWS::KMS::Alias',
  'AWS::KMS::Key',
  'AWS::SSM::Parameter',
  'AWS::SSM::Parameter',
];

function types(of: TemplateDiff[keyof TemplateDiff]): string[] {
  return of.map(({ Type }) => Type).sort();
}

describe('a cluster that comes', () => {
  it('adds its own, and changes what has to know all clusters and nothing else', () => {
    const { added, changed, removed } = diffTemplates(TWO.backup, THREE.backup);
    expect(types(added)).toEqual(OF_A_CLUSTER);
    for (const one of added) expect(JSON.stringify(one)).toContain('legacy');
    expect(types(changed)).toEqual(KNOWS_ALL);
    expect(removed).toEqual([]);
  });

  it('adds its key to the vault and touches nothing there', () => {
    const { added, changed, removed } = diffTemplates(TWO.vault, THREE.vault);
    expect(types(added)).toEqual(KEPT_IN_THE_VAULT);
    expect([...changed, ...removed]).toEqual([]);
  });
});

describe('a cluster that is taken out', () => {
  it('takes its own along, and changes what has to know all clusters and nothing else', () => {
    const { added, changed, removed } = diffTemplates(THREE.backup, TWO.backup);
    expect(types(removed)).toEqual(OF_A_CLUSTER);
    expect(types(changed)).toEqual(KNOWS_ALL);
    expect(JSON.stringify(changed)).not.toMatch(/legacy/i);
    expect(added).toEqual([]);
  });

  it('leaves its key, what leads to it and what watches it in place', () => {
    const { added, changed, removed } = diffTemplates(THREE.vault, TWO.vault);
    expect(types(removed)).toEqual(KEPT_IN_THE_VAULT);
    expect(removed.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(Array(5).fill('Retain'));
    expect([...added, ...changed]).toEqual([]);
  });

  it('stays readable by the restore role, which knows keys by their environment', async () => {
    const role = (of: Synthesized) =>
      resource(of.backup, 'AWS::IAM::Role', ({ RoleName }) => RoleName === 'hf.test');
    expect(role(THREE)).toEqual(role(TWO));
    expect(await mayWithKey(RESTORE, 'kms:Decrypt', 'legacy', 'legacy', THREE)).toBe(true);
    const elsewhere = { 'aws:ResourceTag/holdfast:environment': 'staging' };
    expect(await mayWithKey(RESTORE, 'kms:Decrypt', 'legacy', 'legacy', THREE, elsewhere)).toBe(
      false,
    );
  });
});

describe('a cluster that is retired', () => {
  it('loses its schedules, its streamer and nothing else', () => {
    const { added, changed, removed } = diffTemplates(THREE.backup, RETIRED.backup);
    expect(types(removed)).toEqual([
      ...OF_A_STREAMER,
      'AWS::Scheduler::Schedule',
      'AWS::Scheduler::Schedule',
    ]);
    // start-task's role, and the cluster's own, which no longer keeps a lease.
    expect(types(changed)).toEqual([
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::IAM::Role',
      'AWS::Lambda::Function',
      'AWS::SSM::Parameter',
    ]);
    expect(added).toEqual([]);
    expect(diffTemplates(THREE.vault, RETIRED.vault)).toEqual({
      added: [],
      changed: [],
      removed: [],
    });
  });

  it('is known to start-task as retired, which may neither run it nor pass its role', () => {
    const { Environment } = resource(
      RETIRED.backup,
      'AWS::Lambda::Function',
      ({ FunctionName }) => FunctionName === startTaskFunctionName('test'),
    );
    const settings = readSettings((Environment as { Variables: Record<string, string> }).Variables);
    expect(settings.clusters).toEqual(['orders', 'billing', 'legacy']);
    expect(settings.retiredClusters).toEqual(['legacy']);
    const role = resource(RETIRED.backup, 'AWS::IAM::Role', ({ Description }) =>
      String(Description).endsWith('starts tasks on request'),
    );
    expect(JSON.stringify(role)).not.toMatch(/legacy/i);
  });

  it('may be the last one', () => {
    const { backup } = withClusters({ ...ORDERS, retired: true });
    expect(resources(backup, 'AWS::Scheduler::Schedule')).toEqual([]);
    const role = resource(backup, 'AWS::IAM::Role', ({ Description }) =>
      String(Description).endsWith('starts tasks on request'),
    );
    expect(JSON.stringify(role)).not.toContain('ecs:RunTask"');
  });
});
