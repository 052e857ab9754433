import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { HoldfastError } from '../../../contract/errors.ts';

/** PostgreSQL's server programs, all of one directory. */
export interface ServerPrograms {
  readonly directory: string;
  readonly major: number;
  /** `17.12` */
  readonly version: string;
}

/** Incremental backups, and what combines them, came with this one. */
const COMBINES_SINCE = 17;

/**
 * Finds the server's programs of exactly this major version: in the directory given; else on the PATH;
 * else where Debian's packages put them.
 *
 * @throws HoldfastError CLIENT_MISSING
 */
export async function findServerPrograms(
  major: number,
  binDirectory?: string,
  path = process.env.PATH ?? '',
): Promise<ServerPrograms> {
  const directories =
    binDirectory === undefined
      ? [...path.split(delimiter).filter((one) => one !== ''), `/usr/lib/postgresql/${major}/bin`]
      : [binDirectory];
  const found: string[] = [];
  for (const directory of directories) {
    const version = await versionOf(join(directory, 'postgres'));
    if (version === undefined) continue;
    if (Number.parseInt(version, 10) !== major) {
      found.push(`that of ${directory} is ${version}`);
      continue;
    }
    const lacking = await firstMissing(directory, major);
    if (lacking === undefined) return { directory, major, version };
    found.push(`${directory} lacks ${lacking}`);
  }
  throw new HoldfastError(
    'CLIENT_MISSING',
    `The server programs of PostgreSQL ${major} are needed here; ${found.join(', ') || `there is no postgres in ${binDirectory ?? 'PATH'}`}.`,
    {
      hint: `Install postgresql-${major}, name its programs' directory with --pg-bin DIR, or run the command in the backup image of PostgreSQL ${major}, which has them.`,
    },
  );
}

async function firstMissing(directory: string, major: number): Promise<string | undefined> {
  const needed = ['pg_verifybackup', 'pg_controldata', 'pg_waldump'];
  if (major >= COMBINES_SINCE) needed.push('pg_combinebackup');
  const versions = await Promise.all(needed.map((name) => versionOf(join(directory, name))));
  return needed.find((_, at) => versions[at] === undefined);
}

async function versionOf(program: string): Promise<string | undefined> {
  const answer = await execa(program, ['--version'], { reject: false });
  return answer.failed ? undefined : /\d+(\.\d+)*/.exec(answer.stdout)?.[0];
}
