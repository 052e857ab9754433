import type { ErrorCode } from '../../../contract/error-codes.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { quoteStderr } from '../process/quote-stderr.ts';

/** What its words, and those of the server that it passes on, mean; the first that fits counts. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [
    /no pg_hba\.conf entry for replication|pg_hba\.conf rejects replication/,
    'SOURCE_AUTHENTICATION',
    "Add a line for replication to the server's pg_hba.conf: hostssl replication <role> <address of the tasks> scram-sha-256",
  ],
  [
    /must be superuser or replication role|permission denied to start WAL sender/,
    'SOURCE_RIGHTS',
    'Run on the primary: ALTER ROLE <role> REPLICATION;',
  ],
  [
    /full_page_writes=off/,
    'SOURCE_RIGHTS',
    'Set full_page_writes = on on the primary, then CHECKPOINT there; or let the primary serve (allowPrimary).',
  ],
  [
    /number of requested standby connections exceeds|all replication slots are in use/,
    'SOURCE_UNREACHABLE',
    'Raise max_wal_senders and max_replication_slots on the server, or end what takes them.',
  ],
  [
    /has already been removed/,
    'DUMP_FAILED',
    'Raise wal_keep_size on the server, or leave a replication slot free for the backup.',
  ],
  [
    /No space left on device/,
    'SPOOL_UNUSABLE',
    "The spool's volume is full: give the task a larger ephemeralStorageGiB, or a smaller spoolCapMiB.",
  ],
  [
    /server closed the connection|connection to server|terminating|could not (receive|read COPY) data|system is (shutting down|starting up)/,
    'SOURCE_UNREACHABLE',
    'The server went away or was restarted; run the backup again.',
  ],
];

const OTHERWISE: (typeof MEANINGS)[number] = [
  /./,
  'DUMP_FAILED',
  'Nothing was published. Run the backup again; the last lines of its output say what it met.',
];

/** Why a base backup failed, with the last lines that were printed. */
export function baseFailure(exit: string, stderr: string): HoldfastError {
  const said = quoteStderr(stderr);
  const message = `pg_basebackup ended with ${exit}${said === '' ? '' : `: ${said}`}`;
  const [, code, hint] = MEANINGS.find(([words]) => words.test(said)) ?? OTHERWISE;
  return new HoldfastError(code, message, { hint });
}
