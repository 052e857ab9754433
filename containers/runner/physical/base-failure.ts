import type { HoldfastError } from '../../../contract/errors.ts';
import {
  type Meaning,
  PASSWORD_IS_REFUSED,
  programFailure,
  SERVER_WENT_AWAY,
  SPOOL_IS_FULL,
  TLS_IS_REFUSED,
} from '../process/program-failure.ts';

/** What its words, and those of the server that it passes on, mean; the first that fits counts. */
const MEANINGS: readonly Meaning[] = [
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
  SPOOL_IS_FULL,
  TLS_IS_REFUSED,
  PASSWORD_IS_REFUSED,
  [
    /server closed the connection|connection to server|terminating|could not (receive|read COPY) data|system is (shutting down|starting up)/,
    'SOURCE_UNREACHABLE',
    SERVER_WENT_AWAY,
  ],
];

/** Why a base backup failed, with the last lines that were printed. */
export function baseFailure(exit: string, stderr: string): HoldfastError {
  return programFailure(MEANINGS, 'pg_basebackup', exit, stderr);
}
