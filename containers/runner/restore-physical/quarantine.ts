import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { configurationText } from './configuration-text.ts';
import { ignoreMissing } from './ignore-missing.ts';
import { forgetOtherDirectory, keepToDirectory } from './own-directory.ts';
import type { ServerPrograms } from './server-programs.ts';

/** In the data directory: what the server had of its own, kept while it is quarantined. */
export const QUARANTINE = 'holdfast-quarantine';
/** Files that decide what a server does; each may lie outside the data directory, as on Debian. */
const CONFIGURATION = [
  'postgresql.conf',
  'postgresql.auto.conf',
  'pg_hba.conf',
  'pg_ident.conf',
] as const;
export const STANDBY_SIGNAL = 'standby.signal';
export const RECOVERY_SIGNAL = 'recovery.signal';
const SIGNALS = [STANDBY_SIGNAL, RECOVERY_SIGNAL];
const HEADER = `# A restored server in quarantine: it archives nothing, streams to and from nobody, and listens on
# loopback only. Its own configuration lies in ${QUARANTINE}; to get it back:
#   holdfast restore --release DIR
`;
/** By the directory's rights the socket is its owner's alone. */
const ACCESS = `local all all trust
host all all 127.0.0.1/32 scram-sha-256
`;
/** What a socket's address may hold, less its own name. */
const SOCKET_PATH_BYTES = 107 - '/.s.PGSQL.65535'.length;

/**
 * Puts a configuration of ours in the place of the server's own, before it is started for the first
 * time. The settings go to postgresql.auto.conf, which overrides every other file, wherever that lies:
 * so a start by other means is quarantined too.
 *
 * @param at where its files lie until it is finished.
 */
export async function quarantine(
  directory: string,
  settings: Readonly<Record<string, string>>,
  at = directory,
): Promise<void> {
  const kept = join(at, QUARANTINE);
  await mkdir(kept, { mode: 0o700 });
  for (const name of CONFIGURATION) {
    await rename(join(at, name), join(kept, name)).catch(ignoreMissing);
  }
  // Of a standby's backup: it would follow, and not recover.
  for (const name of SIGNALS) await rm(join(at, name), { force: true });
  await write(join(at, 'postgresql.conf'), HEADER);
  await write(join(at, 'pg_hba.conf'), HEADER + ACCESS);
  await write(join(at, 'pg_ident.conf'), HEADER);
  await writeQuarantineSettings(directory, settings, at);
}

/** The settings of a quarantined server, anew. */
export async function writeQuarantineSettings(
  directory: string,
  settings: Readonly<Record<string, string>>,
  at = directory,
): Promise<void> {
  await write(
    join(at, 'postgresql.auto.conf'),
    HEADER + configurationText({ ...isolation(directory), ...settings }),
  );
}

/**
 * Gives the server's own configuration back, the passing one into nothing.
 *
 * @returns what had to be changed in it, for whoever starts the server.
 */
export async function endQuarantine(
  directory: string,
  programs: ServerPrograms,
): Promise<string[]> {
  const kept = join(directory, QUARANTINE);
  // Before it lies where a server reads it.
  const forgotten = await forgetOtherDirectory(join(kept, 'postgresql.conf'), directory);
  for (const name of CONFIGURATION) {
    // Copied first and removed with the rest: broken off, it can be run again.
    await copyFile(join(kept, name), join(directory, name)).catch(async (error: unknown) => {
      ignoreMissing(error);
      await rm(join(directory, name), { force: true });
    });
  }
  // PostgreSQL expects it, if only empty.
  await writeFile(join(directory, 'postgresql.auto.conf'), '', { flag: 'a', mode: 0o600 });
  const changed = [...forgotten, ...(await keepToDirectory(directory, programs))];
  await rm(kept, { recursive: true });
  return changed;
}

/** One of the server's own configuration files; empty where it has none in its data directory. */
export async function readKept(
  directory: string,
  name: (typeof CONFIGURATION)[number],
): Promise<string> {
  return await readFile(join(directory, QUARANTINE, name), 'utf8').catch((error: unknown) => {
    ignoreMissing(error);
    return '';
  });
}

/** @throws HoldfastError REQUEST_INVALID when it is no directory that was restored and not released yet */
export async function assertQuarantined(directory: string): Promise<void> {
  await readFile(join(directory, QUARANTINE, STATE_FILE)).catch((cause: unknown) => {
    throw new HoldfastError('REQUEST_INVALID', `${directory} is no data directory in quarantine.`, {
      hint: `Name the one that was restored: it has ${QUARANTINE}/${STATE_FILE} in it, until it is released.`,
      cause,
    });
  });
}

/** The major version of the server that a data directory is of. */
export async function readMajor(directory: string): Promise<number> {
  return Number.parseInt(await readFile(join(directory, 'PG_VERSION'), 'utf8'), 10);
}

const STATE_FILE = 'restored.json';

/** Notes what the directory was restored from. */
export async function noteRestored(directory: string, facts: object): Promise<void> {
  await write(join(directory, QUARANTINE, STATE_FILE), `${JSON.stringify(facts, null, 2)}\n`);
}

/** Directory of the server's socket; empty where its address would be too long. */
export function socketDirectory(directory: string): string {
  const path = join(directory, QUARANTINE);
  return Buffer.byteLength(path) > SOCKET_PATH_BYTES ? '' : path;
}

/** It talks to nobody but who is on this machine, and does nothing by itself. */
function isolation(directory: string): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: socketDirectory(directory),
    unix_socket_permissions: '0700',
    hba_file: join(directory, 'pg_hba.conf'),
    ident_file: join(directory, 'pg_ident.conf'),
    external_pid_file: '',
    ssl: 'off',
    archive_mode: 'off',
    archive_command: '',
    archive_library: '',
    archive_cleanup_command: '',
    recovery_end_command: '',
    primary_conninfo: '',
    primary_slot_name: '',
    synchronous_standby_names: '',
    max_logical_replication_workers: '0',
    // Queries need the library; its jobs would drop what a policy finds old by today's clock.
    'timescaledb.max_background_workers': '0',
    session_preload_libraries: '',
    local_preload_libraries: '',
    huge_pages: 'off',
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '%m [%p] ',
    log_startup_progress_interval: '1s',
    lc_messages: 'C',
    log_timezone: 'UTC',
    bonjour: 'off',
  };
}

async function write(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
}
