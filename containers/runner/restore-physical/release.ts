import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { readControlData } from './control-data.ts';
import { outwardSettings, settingsElsewhere } from './own-settings.ts';
import { assertQuarantined, endQuarantine, RECOVERY_SIGNAL, readMajor } from './quarantine.ts';
import { findServerPrograms } from './server-programs.ts';

export interface Released {
  readonly directory: string;
  /** That the server writes on. */
  readonly timeline: number;
  /** What its own configuration does to others, and leads to, of which whoever starts it has to know. */
  readonly warnings: readonly string[];
}

/**
 * Ends a restored server's quarantine: it gets its own configuration back, as the source had it, but for
 * what would lead it to another data directory.
 *
 * @throws HoldfastError REQUEST_INVALID when it is no restored directory, RESTORE_REFUSED while it runs
 * or is still in recovery
 */
export async function release(directory: string, pgBin: string | undefined): Promise<Released> {
  await assertQuarantined(directory);
  const programs = await findServerPrograms(await readMajor(directory), pgBin);
  const { state, timeline } = await readControlData(programs, directory);
  if (await isThere(join(directory, 'postmaster.pid'))) {
    throw refused(
      `A server runs on ${directory}, or was killed.`,
      `Shut it down: ${join(programs.directory, 'pg_ctl')} --pgdata=${directory} stop`,
    );
  }
  if (/recovery/.test(state) || (await isThere(join(directory, RECOVERY_SIGNAL)))) {
    throw refused(
      `${directory} is still in recovery: under its own configuration it would not reach its target.`,
      'Start it and let it be promoted first: SELECT pg_promote()',
    );
  }
  const outward = await outwardSettings(directory);
  const elsewhere = await settingsElsewhere(directory);
  const changed = await endQuarantine(directory, programs);
  // Its own server would verify against it what has changed since.
  await rm(join(directory, 'backup_manifest'), { force: true });
  return { directory, timeline, warnings: [...outward, ...changed, ...elsewhere] };
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

function refused(message: string, hint: string): HoldfastError {
  return new HoldfastError('RESTORE_REFUSED', message, { hint });
}
