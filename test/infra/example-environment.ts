import type { ClusterEnvironment, Environment } from '../../infra/environment.ts';

export const ORDERS: ClusterEnvironment = {
  name: 'orders',
  postgresMajor: 17,
  secretName: 'holdfast/test/orders',
  schedules: [
    { name: 'daily', kind: 'logical', cron: '0 3 * * ? *', timeZone: 'Europe/Vienna' },
    { name: 'noon', kind: 'logical', cron: '0 12 * * ? *', flexibleWindowMinutes: 0 },
  ],
  wal: {},
};

export const BILLING: ClusterEnvironment = {
  name: 'billing',
  postgresMajor: 15,
  secretName: 'holdfast/test/billing',
  schedules: [],
  retention: { days: 90 },
  ephemeralStorageGiB: 100,
  architecture: 'arm64',
};

/** Two clusters of different shapes in one vault. */
export const ENVIRONMENT: Environment = {
  name: 'test',
  retentionDays: 35,
  clusters: [ORDERS, BILLING],
};
