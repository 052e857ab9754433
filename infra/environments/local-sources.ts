import type { ClusterEnvironment, Environment } from '../environment.ts';

/** The same servers as clusters of their own, each served in another way. */
function cluster(name: string, more: Partial<ClusterEnvironment> = {}): ClusterEnvironment {
  return {
    name,
    postgresMajor: 17,
    secretName: `holdfast/local-sources/${name}`,
    schedules: [],
    // A failed dump is to be tried again at once.
    retryPauseSeconds: 1,
    vCpu: 1,
    memoryMiB: 2048,
    ephemeralStorageGiB: 20,
    spoolCapMiB: 32,
    ...more,
  };
}

const environment: Environment = {
  name: 'local-sources',
  retentionDays: 7,
  clusters: [
    cluster('replicas'),
    cluster('or-primary', { allowPrimary: true }),
    cluster('paused', { pauseReplay: true }),
  ],
};

export default environment;
