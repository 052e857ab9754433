import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { HoldfastError } from '../../../contract/errors.ts';

/** PostgreSQL's client programs, found once. */
export interface ClientPrograms {
  readonly pgRestore: string;
  readonly vacuumdb: string;
  readonly psql: string;
  readonly pgDump: string;
  readonly major: number;
}

/**
 * Finds programs that can read a dump of this major version: in the directory given; else on the
 * PATH; else where Debian's packages put them.
 *
 * @throws HoldfastError CLIENT_MISSING
 */
export async function findClientPrograms(
  major: number,
  binDirectory?: string,
  path = process.env.PATH ?? '',
): Promise<ClientPrograms> {
  const directories =
    binDirectory === undefined
      ? [...path.split(delimiter).filter((one) => one !== ''), `/usr/lib/postgresql/${major}/bin`]
      : [binDirectory];
  const found: string[] = [];
  for (const directory of directories) {
    const pgRestore = join(directory, 'pg_restore');
    const answer = await execa(pgRestore, ['--version'], { reject: false });
    if (answer.failed) continue;
    const its = Number(/(\d+)/.exec(answer.stdout)?.[1] ?? 0);
    if (its >= major) {
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
  throw new HoldfastError(
    'CLIENT_MISSING',
    `A pg_restore of PostgreSQL ${major} or later is needed; ${found.join(', ') || `none is in ${binDirectory ?? 'PATH'}`}.`,
    {
      hint: `Install postgresql-client-${major}, name its directory with --pg-bin DIR, or run the command in the backup image of PostgreSQL ${major}, which has both.`,
    },
  );
}
