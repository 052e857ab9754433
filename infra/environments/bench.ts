import type { Environment } from '../environment.ts';

/** What `npm run bench` measures: a task of 2 vCPUs with a spool of 256 MiB, in the local cloud. */
const environment: Environment = {
  name: 'bench',
  retentionDays: 7,
  lockMode: 'COMPLIANCE',
  clusters: [
    {
      name: 'orders',
      postgresMajor: 17,
      secretName: 'holdfast/bench/orders',
      schedules: [{ name: 'daily', kind: 'logical', cron: '0 3 * * ? *' }],
      jobs: 2,
      compression: 'zstd:1',
      vCpu: 2,
      memoryMiB: 4096,
      ephemeralStorageGiB: 20,
      spoolCapMiB: 256,
    },
  ],
};

export default environment;
