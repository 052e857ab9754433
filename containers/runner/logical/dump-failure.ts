import type { HoldfastError } from '../../../contract/errors.ts';
import {
  type Meaning,
  PASSWORD_IS_REFUSED,
  programFailure,
  SERVER_WENT_AWAY,
  SPOOL_IS_FULL,
  TLS_IS_REFUSED,
} from '../process/program-failure.ts';

/** What pg_dump's words mean; the first that fits counts. */
const MEANINGS: readonly Meaning[] = [
  [
    /conflict with recovery/,
    'SOURCE_CONFLICT',
    'Set hot_standby_feedback=on on the replica, or a max_standby_streaming_delay longer than the dump takes.',
  ],
  [
    /row-level security/,
    'SOURCE_RIGHTS',
    'Row security hides rows from the role: ALTER ROLE <role> BYPASSRLS lets the backup read them all.',
  ],
  [
    /permission denied/,
    'SOURCE_RIGHTS',
    'Grant the role what is missing: GRANT pg_read_all_data TO <role> covers tables and sequences; large objects need GRANT SELECT ON LARGE OBJECT <oid>.',
  ],
  [
    /no matching (extensions|schemas|tables) were found/,
    'SOURCE_DATABASE',
    "The cluster's options schemas and tables apply to each of its databases: name the databases that have them, in the option databases.",
  ],
  [
    /invalid snapshot identifier|snapshot "[^"]*" does not exist/,
    'SOURCE_BALANCED',
    'Give the URI of one server, not of a balancer or a reader endpoint. If it is one, somebody ended the session that holds the snapshot.',
  ],
  SPOOL_IS_FULL,
  TLS_IS_REFUSED,
  PASSWORD_IS_REFUSED,
  [
    /lock timeout|could not obtain lock/,
    'DUMP_FAILED',
    'Somebody holds a lock on a table for longer than pg_dump waits. Run the backup again at a quieter time.',
  ],
  [
    /server closed the connection|connection to server|terminating connection/,
    'SOURCE_UNREACHABLE',
    SERVER_WENT_AWAY,
  ],
];

/** Why a dump failed, with the last lines that it printed. */
export function dumpFailure(
  program: string,
  what: string,
  exit: string,
  stderr: string,
): HoldfastError {
  return programFailure(MEANINGS, `${program} of ${what}`, exit, stderr);
}
