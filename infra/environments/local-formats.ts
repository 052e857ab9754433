import type { DumpFormat } from '../../contract/logical-options.ts';
import type { ClusterEnvironment, Environment } from '../environment.ts';

/** The same server as a cluster of its own for each format: tests back it up as each, whole. */
function cluster(name: string, format: DumpFormat): ClusterEnvironment {
  return {
    name,
    postgresMajor: 17,
    secretName: 'holdfast/local-formats/library',
    schedules: [],
    vCpu: 1,
    memoryMiB: 2048,
    ephemeralStorageGiB: 20,
    spoolCapMiB: 32,
    logical: { format },
  };
}

const environment: Environment = {
  name: 'local-formats',
  retentionDays: 7,
  clusters: [
    cluster('directory', 'directory'),
    cluster('custom', 'custom'),
    cluster('plain', 'plain'),
    cluster('dumpall', 'dumpall'),
  ],
};

export default environment;
