import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Environment } from './environment.ts';
import { EnvironmentError } from './environment-problems.ts';
import { placeOf } from './place-of-error.ts';
import { resolveEnvironment } from './resolve-environment.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';

/** How it is said which environment is meant, for messages. */
export interface AskedBy {
  readonly what: string;
  /** What stands before the name. */
  readonly option: string;
}

const BY_CONTEXT: AskedBy = { what: 'The context value "environment"', option: '-c environment=' };
const DIRECTORY = fileURLToPath(new URL('environments', import.meta.url));

/**
 * Loads `<directory>/<name>.ts` and fills in its defaults.
 *
 * @param directory with the files: absolute. The project's own unless given.
 * @param askedBy what gave the name: the CDK's context unless told otherwise.
 * @throws EnvironmentError when there is no such file, it cannot be run, or something in it is wrong.
 */
export async function loadEnvironment(
  name: unknown,
  directory: string = DIRECTORY,
  { what, option }: AskedBy = BY_CONTEXT,
): Promise<ResolvedEnvironment> {
  const names = readdirSync(directory)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
  if (typeof name !== 'string' || !names.includes(name)) {
    const found = name === undefined ? 'is missing' : `is ${JSON.stringify(name)}`;
    throw new EnvironmentError('This', [
      `${what} ${found}. Give one of ${names.join(', ')}: ${option}${names[0] ?? 'example'}, or write infra/environments/<name>.ts.`,
    ]);
  }
  const path = join(directory, `${name}.ts`);
  const environment = await run(path);
  if (typeof environment !== 'object' || environment === null) {
    throw new EnvironmentError(path, [
      'It has no environment as its default export. End it with: export default environment;',
    ]);
  }
  return resolveEnvironment(environment as Environment, name);
}

/** What a file exports by default. */
async function run(path: string): Promise<unknown> {
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(path).href);
    return module.default;
  } catch (error) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new EnvironmentError(path, [`${placeOf(error) ?? path}: ${message}`]);
  }
}
