/**
 * `npm run local-cloud [-- ENVIRONMENT [--empty]]`: starts the local cloud with one environment's file, says how
 * to look around, and stays until Ctrl-C.
 */
import { parseArgs } from 'node:util';
import { EnvironmentError } from '../../infra/environment-problems.ts';
import { loadEnvironment } from '../../infra/load-environment.ts';
import { environmentDirectory } from './environment-directory.ts';
import { startLocalCloud } from './local-cloud.ts';
import { type ClusterServers, lookAround } from './look-around.ts';
import { BACKUP_ROLE } from './seed.ts';

const HELP = `npm run local-cloud [-- [--environment] NAME] [--empty]

  NAME    the environment to deploy, infra/environments/NAME.ts; without it, local.
          Each of its clusters gets a primary and a standby, of PostgreSQL 15, 17 or 18.
  --empty an empty server beside each cluster's, to restore --all into.
  --help  this

It stays until Ctrl-C, and then nothing is left of it.`;

const { name, empty: isWanted } = whatToStart();
try {
  const { clusters } = await loadEnvironment(name, environmentDirectory(name), {
    what: 'The environment',
    option: '--environment ',
  });
  const cloud = await startLocalCloud({ environment: name, log: console.log });
  const servers: Record<string, ClusterServers> = {};
  for (const [index, { name: cluster }] of clusters.entries()) {
    // The first cluster's are there from the start.
    const { primary, standby } = index === 0 ? cloud : await cloud.startSource(cluster);
    const empty = isWanted ? await cloud.startEmptyServer(`empty-${cluster}`, cluster) : undefined;
    // As the README has it: without, an incremental backup of a quiet server waits for a checkpoint.
    await primary.query(`grant pg_checkpoint to ${BACKUP_ROLE.user}`);
    servers[cluster] = { primary, standby, empty, image: await cloud.imageOf(cluster) };
  }
  console.log(lookAround(cloud, servers));
  // The servers are processes of their own: something has to keep this one alive.
  setInterval(() => undefined, 1 << 30);
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function whatToStart(): { readonly name: string; readonly empty: boolean } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        environment: { type: 'string' },
        empty: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
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
    return { name: names[0] ?? 'local', empty: values.empty };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}
