import type { Environment } from '../environment.ts';

/** Copy this file, name it after your environment, and deploy it with `-c environment=<name>`. */
const environment: Environment = {
  name: 'example',
  retentionDays: 35,
  notify: ['ops@example.com'],
  clusters: [
    {
      name: 'orders',
      postgresMajor: 17,
      secretName: 'holdfast/example/orders',
      schedules: [
        { name: 'daily', kind: 'logical', cron: '0 3 * * ? *', timeZone: 'Europe/Vienna' },
      ],
    },
  ],
};

export default environment;
