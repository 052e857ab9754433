import type { Environment } from '../environment.ts';

/** The local cloud's environment: small enough for two cores. */
const environment: Environment = {
  name: 'local',
  retentionDays: 7,
  lockMode: 'COMPLIANCE',
  notify: ['ops@example.com'],
  clusters: [
    {
      name: 'orders',
      postgresMajor: 17,
      secretName: 'holdfast/local/orders',
      schedules: [{ name: 'daily', kind: 'logical', cron: '0 3 * * ? *', timeZone: 'UTC' }],
      vCpu: 1,
      memoryMiB: 2048,
      ephemeralStorageGiB: 20,
      spoolCapMiB: 32,
    },
  ],
};

export default environment;
