import type { ClusterEnvironment, Environment } from '../environment.ts';

/** Small enough for two cores. */
function cluster(name: string, more: Partial<ClusterEnvironment> = {}): ClusterEnvironment {
  return {
    name,
    postgresMajor: 17,
    secretName: `holdfast/local-several/${name}`,
    schedules: [{ name: 'daily', kind: 'logical', cron: '0 3 * * ? *' }],
    vCpu: 1,
    memoryMiB: 2048,
    ephemeralStorageGiB: 20,
    spoolCapMiB: 32,
    ...more,
  };
}

/** Three clusters in one vault: one is retired, and one is taken out by a test. */
const environment: Environment = {
  name: 'local-several',
  retentionDays: 7,
  clusters: [cluster('orders'), cluster('billing', { retired: true }), cluster('legacy')],
};

export default environment;
