import { access } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { execa } from 'execa';
import { HoldfastError } from '../../../contract/errors.ts';

/** PostgreSQL's server programs, all of one directory. */
export interface ServerPrograms {
  readonly directory: string;
  readonly major: number;
  /** `17.12` */
  readonly version: string;
}

/** For programs whose paths are all absolute: our own working directory may be one that this user may not enter. */
export const ANYWHERE = '/';

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
  const packaged = `/usr/lib/postgresql/${major}/bin`;
  const directories =
    binDirectory === undefined
      ? new Set(
          [...path.split(delimiter).filter((one) => one !== ''), packaged].map((one) =>
            resolve(one),
          ),
        )
      : [resolve(binDirectory)];
  const found: string[] = [];
  for (const directory of directories) {
    const { version, failure } = await askVersion(join(directory, 'postgres'));
    if (failure !== undefined) found.push(`${directory}/postgres cannot be run: ${failure}`);
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
    `The server programs of PostgreSQL ${major} are needed here; ${found.join(', ') || `there is no postgres in ${binDirectory ?? `PATH, nor in ${packaged}`}`}.`,
    {
      hint: `Install postgresql-${major}, name its programs' directory with --pg-bin DIR, or run the command in the backup image of PostgreSQL ${major}, which has them.`,
    },
  );
}

async function firstMissing(directory: string, major: number): Promise<string | undefined> {
  const needed = ['pg_verifybackup', 'pg_controldata', 'pg_waldump'];
  if (major >= COMBINES_SINCE) needed.push('pg_combinebackup');
  const answers = await Promise.all(needed.map((name) => askVersion(join(directory, name))));
  return needed.find((_, at) => answers[at]?.version === undefined);
}

/** @returns neither where there is no such program. */
async function askVersion(program: string): Promise<{ version?: string; failure?: string }> {
  const answer = await execa(program, ['--version'], { cwd: ANYWHERE, reject: false });
  const version = /\d+(\.\d+)*/.exec(answer.stdout)?.[0];
  if (!answer.failed && version !== undefined) return { version };
  const there = await access(program).then(
    () => true,
    () => false,
  );
  if (!there) return {};
  return { failure: answer.code ?? (answer.stderr || answer.shortMessage || answer.stdout) };
}
