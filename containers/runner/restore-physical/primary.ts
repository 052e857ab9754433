import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { dropSlot } from '../probe-wal/drop-slot.ts';
import { type TargetServer, whereabouts, withSession } from '../restore/target-connection.ts';

/** Below the data directory: the password that the standby follows its primary with. */
const PASSFILE = 'holdfast-standby.pgpass';

/** The server that a new standby is to follow. */
export interface Primary {
  /** As the standby sees it. */
  readonly server: TargetServer;
  /** Physical; made where it is not there yet. */
  readonly slot: string;
}

/**
 * Makes sure that the primary is the server that was backed up, and that it holds back what the standby
 * has not got yet.
 *
 * @returns whether the slot was made, and not there before.
 * @throws HoldfastError RESTORE_REFUSED
 */
export async function preparePrimary(
  { server, slot }: Primary,
  systemIdentifier: string,
): Promise<boolean> {
  return await withSession(server, server.database, async (session) => {
    const { rows } = await session.query<{ system: string }>(
      'SELECT system_identifier::text AS system FROM pg_control_system()',
    );
    const found = rows[0]?.system;
    if (found !== systemIdentifier) {
      throw refused(
        `${whereabouts(server)} is the system ${found}, and the backup is of ${systemIdentifier}: a standby of it cannot follow.`,
        'Name a server of the cluster that was backed up.',
      );
    }
    const slots = await session.query<{ type: string; active: boolean }>(
      'SELECT slot_type AS type, active FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
    const [there] = slots.rows;
    if (there?.type === 'logical' || there?.active === true) {
      throw refused(
        `The replication slot "${slot}" of ${whereabouts(server)} is ${there.active ? 'in use' : 'a logical one'}.`,
        'Name another one: --slot NAME',
      );
    }
    if (there === undefined) await makeSlot(session, slot, server);
    return there === undefined;
  });
}

/**
 * Drops the slot of a standby that came to nothing: the primary would hold back WAL for it until its disk
 * is full, or `max_slot_wal_keep_size` reached.
 *
 * @param made whether it is ours to drop.
 * @returns the failure, which says so where the slot is still there.
 */
export async function leavePrimary(
  { server, slot }: Primary,
  made: boolean,
  failure: unknown,
): Promise<unknown> {
  const dropped =
    made &&
    (await withSession(server, server.database, (session) => dropSlot(session, slot)).then(
      () => true,
      () => false,
    ));
  if (dropped || !(failure instanceof HoldfastError)) return failure;
  return new HoldfastError(failure.code, failure.message, {
    hint: `${failure.hint} The slot "${slot}" on ${whereabouts(server)} holds back WAL: restore again, or SELECT pg_drop_replication_slot('${slot}').`,
    cause: failure,
  });
}

async function makeSlot(session: pg.Client, slot: string, server: TargetServer): Promise<void> {
  await session
    .query('SELECT pg_create_physical_replication_slot($1, true)', [slot])
    .catch((cause: Error) => {
      throw refused(
        `The replication slot "${slot}" cannot be made on ${whereabouts(server)}: ${cause.message}`,
        'The user needs the attribute REPLICATION, and the server a free slot (max_replication_slots).',
        cause,
      );
    });
}

/**
 * How the standby follows, as `pg_basebackup -R` writes it, but for the password, which lies in a file
 * that only the directory's owner can read.
 */
export async function writePrimaryAccess(
  directory: string,
  { server, slot }: Primary,
): Promise<Record<string, string>> {
  const passfile = join(directory, PASSFILE);
  const escaped = (text: string): string => text.replace(/[\\:]/g, '\\$&');
  const words = ['*', '*', '*', escaped(server.user), escaped(server.password)];
  await writeFile(passfile, `${words.join(':')}\n`, { mode: 0o600 });
  const options = {
    host: server.host,
    port: String(server.port),
    user: server.user,
    passfile,
    sslmode: server.sslmode,
    sslrootcert: server.caFile ?? (server.sslmode === 'verify-full' ? 'system' : undefined),
    sslcert: server.certFile,
    sslkey: server.keyFile,
    application_name: slot,
  };
  const conninfo = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value = '']) => `${name}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
  return { primary_conninfo: conninfo, primary_slot_name: slot };
}

function refused(message: string, hint: string, cause?: unknown): HoldfastError {
  return new HoldfastError('RESTORE_REFUSED', message, { hint, cause });
}
