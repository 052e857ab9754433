import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { settingIn } from './configuration-text.ts';
import { readControlData } from './control-data.ts';
import {
  assertQuarantined,
  endQuarantine,
  RECOVERY_SIGNAL,
  readKept,
  readMajor,
} from './quarantine.ts';
import { findServerPrograms } from './server-programs.ts';

export interface Released {
  readonly directory: string;
  /** That the server writes on. */
  readonly timeline: number;
  /** What its own configuration does to others, of which whoever starts it has to know. */
  readonly warnings: readonly string[];
}

const ARCHIVES = 'Make sure that the old server no longer archives there.';
/** Settings by which a server acts on others, unless they are empty, and what to do about each. */
const OUTWARD = {
  archive_command: ARCHIVES,
  archive_library: ARCHIVES,
  primary_conninfo: 'Without standby.signal it is not used; remove it.',
  synchronous_standby_names: 'Empty it, or commits hang until such a standby is there.',
} as const;

/**
 * Ends a restored server's quarantine: it gets its own configuration back, as the source had it.
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
      'Start it and let it be promoted first: SELECT pg_wal_replay_resume()',
    );
  }
  const warnings = await outwardSettings(directory);
  await endQuarantine(directory);
  // Its own server would verify against it what has changed since.
  await rm(join(directory, 'backup_manifest'), { force: true });
  return { directory, timeline, warnings };
}

async function outwardSettings(directory: string): Promise<string[]> {
  const texts = [
    await readKept(directory, 'postgresql.conf'),
    await readKept(directory, 'postgresql.auto.conf'),
  ];
  if (texts[0] === '') {
    return ['Its postgresql.conf is not in its data directory: look at the one it will be given.'];
  }
  const text = texts.join('\n');
  return Object.entries(OUTWARD).flatMap(([name, todo]) => {
    const value = settingIn(text, name);
    return value === undefined || value === ''
      ? []
      : [`Its own configuration sets ${name}. ${todo}`];
  });
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
