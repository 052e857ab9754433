import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from '../local-cloud/servers/cache-directory.ts';

const VERSION = '1.46.2';

/**
 * PyPI's `aws`, in an environment of its own in the cache; `undefined` where it cannot be had, which
 * is said and is no failure.
 */
export async function findAwsCli(log: (line: string) => void): Promise<string | undefined> {
  const directory = join(cacheDirectory(), `awscli-${VERSION}`);
  const done = join(directory, 'installed');
  const program = join(directory, 'bin', 'aws');
  if (existsSync(done)) return program;
  log(`installing awscli ${VERSION}; it is kept for the next run`);
  try {
    await rm(directory, { recursive: true, force: true });
    await execa('python3', ['-m', 'venv', directory]);
    const pip = ['install', '--quiet', '--disable-pip-version-check', `awscli==${VERSION}`];
    await execa(join(directory, 'bin', 'pip'), pip);
    await writeFile(done, '');
    return program;
  } catch (error) {
    log(`there is no awscli (${(error as Error).message.split('\n')[0]}): the SDK uploads instead`);
    return undefined;
  }
}
