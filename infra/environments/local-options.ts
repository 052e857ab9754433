import type { ClusterEnvironment, Environment } from '../environment.ts';
import type { LogicalEnvironment } from '../logical-environment.ts';

/** The same server as a cluster of its own for each set of options: a test backs it up with each. */
function cluster(name: string, logical: LogicalEnvironment): ClusterEnvironment {
  return {
    name,
    postgresMajor: 17,
    secretName: 'holdfast/local-options/shop',
    schedules: [],
    vCpu: 1,
    memoryMiB: 2048,
    ephemeralStorageGiB: 20,
    spoolCapMiB: 32,
    logical,
  };
}

const environment: Environment = {
  name: 'local-options',
  retentionDays: 7,
  clusters: [
    cluster('custom', {
      format: 'custom',
      databases: ['sh?p'],
      excludeTables: ['log.*'],
      excludeTableData: ['public.customer'],
    }),
    cluster('plain', {
      format: 'plain',
      databases: ['shop'],
      excludeSchemas: ['log'],
      largeObjects: false,
      rolePasswords: true,
      lockWaitSeconds: 2,
    }),
    cluster('shape', { databases: ['sh*'], excludeDatabases: ['shelf'], schemaOnly: true }),
    cluster('part', { databases: ['shop'], schemas: ['public'], largeObjects: true }),
    cluster('table', { format: 'custom', databases: ['shop'], tables: ['log.event'] }),
    cluster('whole', { format: 'dumpall', excludeDatabases: ['shelf', 'from_*'] }),
    cluster('missing', { databases: ['shop', 'warehouse'] }),
  ],
};

export default environment;
