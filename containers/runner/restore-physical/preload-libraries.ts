import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerPrograms } from './server-programs.ts';

/** They would begin to work by themselves: run jobs, call other hosts, replicate. */
const WITH_A_LIFE_OF_THEIR_OWN = new Set([
  'bdr',
  // Ends what it finds unfinished on the other servers, by the nodes that its tables name.
  'citus',
  'pg_cron',
  'pg_failover_slots',
  'pg_net',
  'pg_partman_bgw',
  'pg_squeeze',
  'pg_task',
  'pgl_ddl_deploy',
  'pglogical',
  'pgactive',
  'pgautofailover',
  'powa',
  'spock',
  'wal2mongo',
]);

export interface ChosenLibraries {
  readonly loaded: readonly string[];
  /** With the reason. */
  readonly leftOut: readonly string[];
}

/**
 * Of the libraries that the source loaded at its start, those that are installed here and only serve:
 * some hold what WAL records need, others would act on the outside world.
 *
 * @param value `shared_preload_libraries`.
 */
export async function chooseLibraries(
  value: string,
  { directory }: ServerPrograms,
): Promise<ChosenLibraries> {
  const loaded: string[] = [];
  const leftOut: string[] = [];
  const names = value.split(',').map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
  for (const name of names.filter((one) => one !== '')) {
    const bare = name.replace(/^\$libdir\//, '').replace(/\.so$/, '');
    if (WITH_A_LIFE_OF_THEIR_OWN.has(bare)) leftOut.push(`${name} (works by itself)`);
    else if (await isInstalled(bare, directory)) loaded.push(name);
    else leftOut.push(`${name} (not installed here)`);
  }
  return { loaded, leftOut };
}

/** Debian and Red Hat have `lib` beside `bin`; a build from source may have a folder in it. */
async function isInstalled(name: string, binDirectory: string): Promise<boolean> {
  if (!/^[\w.-]+$/.test(name)) return false;
  for (const place of ['../lib', '../lib/postgresql', '../lib64']) {
    const found = await access(join(binDirectory, place, `${name}.so`)).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
