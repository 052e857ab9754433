import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  noteRestored,
  quarantine,
} from '../../../containers/runner/restore-physical/quarantine.ts';
import { release } from '../../../containers/runner/restore-physical/release.ts';

let data: string;
let bin: string;
beforeEach(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'release-test-'));
  [data, bin] = [join(directory, 'data'), join(directory, 'bin')];
  for (const one of [data, bin]) await mkdir(one);
  await writeFile(join(data, 'PG_VERSION'), '17\n');
  await writeFile(join(bin, 'postgres'), PROGRAM);
  await chmod(join(bin, 'postgres'), 0o755);
  for (const name of ['pg_verifybackup', 'pg_controldata', 'pg_waldump', 'pg_combinebackup']) {
    await symlink('postgres', join(bin, name));
  }
});
afterEach(() => rm(join(data, '..'), { recursive: true }));

/** All programs at once: their version, and what pg_controldata says of a server that was shut down. */
const PROGRAM = `#!/bin/sh
[ "$1" = --version ] && exec echo 'postgres (PostgreSQL) 17.12'
cat <<'END'
Database cluster state:               shut down
Database system identifier:           7400000000000000001
Latest checkpoint's TimeLineID:       2
Latest checkpoint's REDO location:    0/3000028
Minimum recovery ending location:     0/0
Bytes per WAL segment:                16777216
max_connections setting:              60
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
wal_level setting:                    replica
track_commit_timestamp setting:       off
END
`;

async function quarantined(configuration: string): Promise<void> {
  await writeFile(join(data, 'postgresql.conf'), configuration);
  await quarantine(data, {});
  await noteRestored(data, {});
}

test('what acts on others is told with what to do about it, and what is empty is not', async () => {
  await quarantined(`primary_conninfo = 'host=primary'
synchronous_standby_names = 'other'
archive_command = 'copy %p'
archive_library = ''
`);
  expect(await release(data, bin)).toEqual({
    ...{ directory: data, timeline: 2 },
    warnings: [
      'Its own configuration sets archive_command. Make sure that the old server no longer archives there.',
      'Its own configuration sets primary_conninfo. Without standby.signal it is not used; remove it.',
      'Its own configuration sets synchronous_standby_names. Empty it, or commits hang until such a standby is there.',
    ],
  });
  expect(await readdir(data)).not.toContain('holdfast-quarantine');
});

test('a server that runs is refused, with the whole command that shuts it down', async () => {
  await quarantined('port = 5432\n');
  await writeFile(join(data, 'postmaster.pid'), '1\n');
  await expect(release(data, bin)).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    hint: `Shut it down: ${bin}/pg_ctl --pgdata=${data} stop`,
  });
});
