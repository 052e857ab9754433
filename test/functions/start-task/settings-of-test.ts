import type { StartTaskSettings } from '../../../functions/start-task/settings.ts';

export const SETTINGS: StartTaskSettings = {
  environment: 'test',
  ecsCluster: 'arn:aws:ecs:eu-central-1:111122223333:cluster/holdfast_test',
  subnets: ['subnet-1', 'subnet-2'],
  securityGroups: ['sg-1'],
  assignPublicIp: false,
  clusters: ['orders', 'billing'],
  retiredClusters: [],
};

export const FRESH = { id: 'c0ffee', now: '2026-11-20T10:00:00Z' };

export const SCHEDULED = {
  action: 'backup',
  cluster: 'orders',
  kind: 'logical',
  schedule: 'daily',
  scheduledTime: '2026-11-20T03:00:00Z',
} as const;
