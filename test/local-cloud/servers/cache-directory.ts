import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where `scripts/setup.sh` puts what it builds. The same rule stands in that script. */
export function cacheDirectory(from: NodeJS.ProcessEnv = process.env): string {
  const own = from.HOLDFAST_CACHE;
  if (own) return resolve(own);
  return join(from.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast');
}
