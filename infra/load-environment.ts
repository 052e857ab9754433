import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Environment } from './environment.ts';
import { EnvironmentError } from './environment-problems.ts';
import { resolveEnvironment } from './resolve-environment.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';

const DIRECTORY = fileURLToPath(new URL('environments/', import.meta.url));

/**
 * Loads `environments/<name>.ts` and fills in its defaults.
 *
 * @param directory with the files; ends in a slash.
 * @throws EnvironmentError when there is no such file, or something in it is wrong.
 */
export async function loadEnvironment(
  name: unknown,
  directory: string = DIRECTORY,
): Promise<ResolvedEnvironment> {
  const names = readdirSync(directory)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length));
  if (typeof name !== 'string' || !names.includes(name)) {
    const found = name === undefined ? 'is missing' : `is ${JSON.stringify(name)}`;
    throw new EnvironmentError('This', [
      `The context value "environment" ${found}. Give one of ${names.join(', ')}: -c environment=${names[0] ?? 'example'}, or write infra/environments/<name>.ts.`,
    ]);
  }
  const path = `${directory}${name}.ts`;
  const module: { readonly default?: Environment } = await import(pathToFileURL(path).href);
  if (module.default === undefined) {
    throw new EnvironmentError(path, [
      'It has no default export. End it with: export default environment;',
    ]);
  }
  if (module.default.name !== name) {
    throw new EnvironmentError(path, [
      `name is ${JSON.stringify(module.default.name)}. Give ${JSON.stringify(name)}, the file's own name.`,
    ]);
  }
  return resolveEnvironment(module.default);
}
