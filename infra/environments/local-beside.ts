import type { Environment } from '../environment.ts';

/** A second environment in the account of `local-several`, with a cluster of the same name. */
const environment: Environment = {
  name: 'local-beside',
  retentionDays: 7,
  lockMode: 'GOVERNANCE',
  network: { natGateways: 0 },
  clusters: [
    {
      name: 'orders',
      postgresMajor: 17,
      secretName: 'holdfast/local-beside/orders',
      schedules: [],
      vCpu: 1,
      memoryMiB: 2048,
      ephemeralStorageGiB: 20,
      spoolCapMiB: 32,
    },
  ],
};

export default environment;
