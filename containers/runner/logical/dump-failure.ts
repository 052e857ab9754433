import type { ErrorCode } from '../../../contract/error-codes.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { quoteStderr } from '../process/quote-stderr.ts';

/** What pg_dump's words mean; the first that fits counts. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode, string])[] = [
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
  [
    /No space left on device/,
    'SPOOL_UNUSABLE',
    "The spool's volume is full: give the task a larger ephemeralStorageGiB, or a smaller spoolCapMiB.",
  ],
  [
    /lock timeout|could not obtain lock/,
    'DUMP_FAILED',
    'Somebody holds a lock on a table for longer than pg_dump waits. Run the backup again at a quieter time.',
  ],
  [
    /server closed the connection|connection to server|terminating connection/,
    'SOURCE_UNREACHABLE',
    'The server went away or was restarted; run the backup again.',
  ],
];

const OTHERWISE: (typeof MEANINGS)[number] = [
  /./,
  'DUMP_FAILED',
  'Nothing was published. Run the backup again; the last lines of its output say what it met.',
];

/** Why a dump failed, with the last lines that it printed. */
export function dumpFailure(
  program: string,
  what: string,
  exit: string,
  stderr: string,
): HoldfastError {
  const said = quoteStderr(stderr);
  const message = `${program} of ${what} ended with ${exit}${said === '' ? '' : `: ${said}`}`;
  const [, code, hint] = MEANINGS.find(([words]) => words.test(said)) ?? OTHERWISE;
  return new HoldfastError(code, message, { hint });
}
