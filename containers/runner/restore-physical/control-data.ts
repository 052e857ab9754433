import { HoldfastError } from '../../../contract/errors.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerPrograms } from './server-programs.ts';

/** What pg_control says of a data directory. */
export interface ControlData {
  /** `in production`, `in archive recovery`, `shut down`, … */
  readonly state: string;
  readonly systemIdentifier: string;
  /** Timeline of the latest checkpoint. */
  readonly timeline: number;
  /** Where the latest checkpoint's replay begins. */
  readonly redoLsn: string;
  /** Recovery is not consistent before it; `0/0` where there is none. */
  readonly minRecoveryLsn: string;
  readonly walSegmentBytes: number;
  /** A server that recovers must be able to hold as much as the primary was. */
  readonly limits: Readonly<Record<RecoveryLimit, number>>;
  readonly walLevel: string;
  readonly trackCommitTimestamp: boolean;
}

/** Settings that must not be lower than the primary's, and what pg_controldata calls them. */
const LIMITS = {
  max_connections: 'max_connections setting',
  max_worker_processes: 'max_worker_processes setting',
  max_wal_senders: 'max_wal_senders setting',
  max_prepared_transactions: 'max_prepared_xacts setting',
  max_locks_per_transaction: 'max_locks_per_xact setting',
} as const;
export type RecoveryLimit = keyof typeof LIMITS;

/** @throws HoldfastError RESTORE_FAILED */
export async function readControlData(
  programs: ServerPrograms,
  directory: string,
): Promise<ControlData> {
  const text = await runServerProgram(programs, 'pg_controldata', ['-D', directory], {
    hint: 'Its global/pg_control cannot be read: this is no data directory, or one of another major version.',
  });
  return parseControlData(text);
}

/** @throws HoldfastError RESTORE_FAILED when a line is missing */
export function parseControlData(text: string): ControlData {
  const values = new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const value = (name: string): string => {
    const found = values.get(name);
    if (found !== undefined) return found;
    throw new HoldfastError('RESTORE_FAILED', `pg_controldata says nothing of "${name}".`, {
      hint: 'Report this, with what pg_controldata prints.',
    });
  };
  const number = (name: string): number => Number(value(name));
  return {
    state: value('Database cluster state'),
    systemIdentifier: value('Database system identifier'),
    timeline: number("Latest checkpoint's TimeLineID"),
    redoLsn: value("Latest checkpoint's REDO location"),
    minRecoveryLsn: value('Minimum recovery ending location'),
    walSegmentBytes: number('Bytes per WAL segment'),
    limits: {
      max_connections: number(LIMITS.max_connections),
      max_worker_processes: number(LIMITS.max_worker_processes),
      max_wal_senders: number(LIMITS.max_wal_senders),
      max_prepared_transactions: number(LIMITS.max_prepared_transactions),
      max_locks_per_transaction: number(LIMITS.max_locks_per_transaction),
    },
    walLevel: value('wal_level setting'),
    trackCommitTimestamp: value('track_commit_timestamp setting') === 'on',
  };
}
