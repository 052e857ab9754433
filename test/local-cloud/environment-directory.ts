import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OF_TESTS = join(ROOT, 'test/fixtures/environments');
const OF_USERS = join(ROOT, 'infra/environments');

/** Directory of an environment's file: the tests' own, else the users'. Absolute. */
export function environmentDirectory(name: string): string {
  return existsSync(join(OF_TESTS, `${name}.ts`)) ? OF_TESTS : OF_USERS;
}
