/**
 * `npm run local-cloud [-- ENVIRONMENT]`: starts the local cloud with one environment's file, says how
 * to look around, and stays until Ctrl-C.
 */
import { parseArgs } from 'node:util';
import { EnvironmentError } from '../../infra/environment-problems.ts';
import { loadEnvironment } from '../../infra/load-environment.ts';
import { environmentDirectory } from './environment-directory.ts';
import { startLocalCloud } from './local-cloud.ts';
import { lookAround, type SourceServers } from './look-around.ts';

const HELP = `npm run local-cloud [-- [--environment] NAME]

  NAME    the environment to deploy, infra/environments/NAME.ts; without it, local.
          Each of its clusters gets a primary and a standby, of PostgreSQL 15, 17 or 18.
  --help  this

It stays until Ctrl-C, and then nothing is left of it.`;

const name = environmentName();
try {
  const { clusters } = await loadEnvironment(name, environmentDirectory(name));
  const cloud = await startLocalCloud({ environment: name, log: console.log });
  const servers: Record<string, SourceServers> = {};
  for (const [index, { name: cluster }] of clusters.entries()) {
    // The first cluster's are there from the start.
    servers[cluster] = index === 0 ? cloud : await cloud.startSource(cluster);
  }
  console.log(lookAround(cloud, servers));
  // The servers are processes of their own: something has to keep this one alive.
  setInterval(() => undefined, 1 << 30);
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function environmentName(): string {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { environment: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const names = [
      ...(values.environment === undefined ? [] : [values.environment]),
      ...positionals,
    ];
    if (names.length > 1) throw new Error(`One environment at a time, not ${names.join(', ')}.`);
    return names[0] ?? 'local';
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}
