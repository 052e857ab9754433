import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HoldfastError } from '../../../contract/errors.ts';

const run = promisify(execFile);

/** A PostgreSQL client program of the image, and its version. */
export interface Program {
  readonly path: string;
  /** Such as `17.11`. */
  readonly version: string;
}

/**
 * Finds a client program of exactly this major version.
 *
 * @throws HoldfastError CLIENT_MISSING
 */
export async function findProgram(name: string, major: number): Promise<Program> {
  const path = `/usr/lib/postgresql/${major}/bin/${name}`;
  const { stdout } = await run(path, ['--version']).catch((cause: unknown) => {
    throw new HoldfastError(
      'CLIENT_MISSING',
      `${name} of PostgreSQL ${major} is not in this image.`,
      {
        hint: `Run the image of PostgreSQL ${major}: it is built from containers/postgres with that major's base.`,
        cause,
      },
    );
  });
  const version = /\d+(\.\d+)*/.exec(stdout)?.[0] ?? '';
  if (Number.parseInt(version, 10) !== major) {
    throw new HoldfastError(
      'CLIENT_MISSING',
      `${path} is ${stdout.trim()}, not PostgreSQL ${major}.`,
      {
        hint: `Run the image of PostgreSQL ${major}.`,
      },
    );
  }
  return { path, version };
}
