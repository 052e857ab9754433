import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { containerArguments, POSTGRES_IMAGE } from '../../local-cloud/servers/container.ts';
import type { Run } from '../../local-cloud/servers/run.ts';

/**
 * A directory for `--pg-bin` whose programs are those of PostgreSQL 17 in a container: the machine's
 * own may be older, or none. They see the run's directory, and of the environment only PG*.
 */
export async function makeClientWrappers(run: Pick<Run, 'id' | 'directory'>): Promise<string> {
  const directory = join(run.directory, 'pg-bin');
  await mkdir(directory);
  for (const program of ['pg_dump', 'pg_restore', 'vacuumdb', 'psql']) {
    const words = [
      'podman',
      ...containerArguments(run),
      '--interactive',
      ...['--env', "'PG*'", '--env', 'LC_ALL', '--volume', `${run.directory}:${run.directory}`],
      // Names of files may be relative to where they are.
      ...['--workdir', `"$(case $PWD in ${run.directory}*) pwd ;; *) echo / ;; esac)"`],
      ...[POSTGRES_IMAGE, `/usr/lib/postgresql/17/bin/${program}`, '"$@"'],
    ];
    const path = join(directory, program);
    await writeFile(path, `#!/bin/sh\nexec ${words.join(' ')}\n`);
    await chmod(path, 0o755);
  }
  return directory;
}
