import type { ClusterEnvironment, Environment } from '../environment.ts';

/** Small enough for two cores. */
const SMALL = {
  schedules: [{ name: 'daily', kind: 'logical', cron: '0 3 * * ? *' }],
  vCpu: 1,
  memoryMiB: 2048,
  ephemeralStorageGiB: 20,
  spoolCapMiB: 32,
} as const satisfies Partial<ClusterEnvironment>;

/** The local cloud's environment for the other majors that are tested, one cluster each. */
const environment: Environment = {
  name: 'local-majors',
  retentionDays: 7,
  clusters: [
    { ...SMALL, name: 'fifteen', postgresMajor: 15, secretName: 'holdfast/local-majors/fifteen' },
    { ...SMALL, name: 'eighteen', postgresMajor: 18, secretName: 'holdfast/local-majors/eighteen' },
    // Says 17; its secret will name servers of 15.
    { ...SMALL, name: 'mistaken', postgresMajor: 17, secretName: 'holdfast/local-majors/mistaken' },
  ],
};

export default environment;
