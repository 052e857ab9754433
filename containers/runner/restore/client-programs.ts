import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { HoldfastError } from '../../../contract/errors.ts';
import type { DatabaseEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import { majorOf } from './preflight.ts';

/** PostgreSQL's client programs, found once. */
export interface ClientPrograms {
  readonly pgRestore: string;
  readonly vacuumdb: string;
  readonly psql: string;
  readonly pgDump: string;
  readonly major: number;
}

/**
 * From this one on, `pg_restore` and the dumps of `pg_dump` set `transaction_timeout`, which a server
 * before it does not know: tried with 15, 17 and 18.
 */
const SETS_TRANSACTION_TIMEOUT = 17;

export interface ProgramsNeeded {
  readonly manifest: LogicalManifest;
  readonly entries: readonly DatabaseEntry[];
  readonly pgBin?: string | undefined;
  /** Major version of the server that is restored into. */
  readonly target: number;
  /** Whether that is dumped as well. @default false */
  readonly isDumped?: boolean;
}

/**
 * Programs that can read the backup, and load it into the target.
 *
 * @throws HoldfastError CLIENT_MISSING
 */
export async function programsFor(needed: ProgramsNeeded): Promise<ClientPrograms> {
  const { manifest, entries, pgBin, target, isDumped } = needed;
  const { source, versions } = manifest;
  const least = Math.max(
    majorOf(source.serverVersion),
    majorOf(versions.pgDump),
    isDumped === true ? target : 0,
  );
  const most = SETS_TRANSACTION_TIMEOUT - 1;
  // Plain SQL is read by psql, and says what the pg_dump that wrote it says.
  const isBound =
    target <= most && least <= most && entries.some(({ format }) => format !== 'plain');
  return await findClientPrograms({ least, ...(isBound ? { most } : {}) }, pgBin);
}

/** Major versions that will do. */
export interface Majors {
  readonly least: number;
  /** @default any */
  readonly most?: number;
}

/**
 * Finds programs of these major versions: in the directory given; else on the PATH; else where Debian's
 * packages put them.
 *
 * @throws HoldfastError CLIENT_MISSING
 */
export async function findClientPrograms(
  { least, most = Number.POSITIVE_INFINITY }: Majors,
  binDirectory?: string,
  path = process.env.PATH ?? '',
): Promise<ClientPrograms> {
  const directories =
    binDirectory === undefined
      ? [...path.split(delimiter).filter((one) => one !== ''), `/usr/lib/postgresql/${least}/bin`]
      : [binDirectory];
  const found: string[] = [];
  for (const directory of directories) {
    const pgRestore = join(directory, 'pg_restore');
    const answer = await execa(pgRestore, ['--version'], { reject: false });
    if (answer.failed) continue;
    const its = Number(/(\d+)/.exec(answer.stdout)?.[1] ?? 0);
    if (its >= least && its <= most) {
      const beside = (name: string): string => join(directory, name);
      return {
        pgRestore,
        vacuumdb: beside('vacuumdb'),
        psql: beside('psql'),
        pgDump: beside('pg_dump'),
        major: its,
      };
    }
    found.push(`${pgRestore} is of PostgreSQL ${its}`);
  }
  const isBound = Number.isFinite(most);
  const upTo = least === most ? '' : ` to ${most}`;
  throw new HoldfastError(
    'CLIENT_MISSING',
    `A pg_restore of PostgreSQL ${least}${isBound ? upTo : ' or later'} is needed; ${found.join(', ') || `none is in ${binDirectory ?? 'PATH'}`}.`,
    {
      hint: `${isBound ? `A later one sets transaction_timeout, which the target does not know. ` : ''}Run the command in the backup image of PostgreSQL ${least}, which has it; or install postgresql-client-${least}, and name its directory with --pg-bin DIR.`,
    },
  );
}
