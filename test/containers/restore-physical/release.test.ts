import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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

/** All programs at once: their version, what a server opens, and what pg_controldata says of one that was shut down. */
const PROGRAM = `#!/bin/sh
[ "$1" = --version ] && exec echo 'postgres (PostgreSQL) 17.12'
[ "$3" = -C ] && grep -q 'include' "$2/postgresql.conf" && exec sh -c 'echo no such file >&2; exit 1'
[ "$3" = -C ] && exec echo "$2"
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

test('what would lead to another data directory is made a comment, and what lies elsewhere is named', async () => {
  await quarantined(`data_directory = '/srv/live'
# data_directory = '/srv/other'
DATA_DIRECTORY '/srv/last'
hba_file = '/etc/live/pg_hba.conf'
ident_file = '${data}/pg_ident.conf'
ssl_cert_file = 'server.crt'
include_dir 'conf.d'
include_if_exists = '/etc/live/more.conf'
`);
  const { warnings } = await release(data, bin);
  expect(warnings).toEqual([
    `Its own configuration sets data_directory to /srv/last, which a server started on ${data} would have opened instead: that line is a comment now.`,
    expect.stringContaining(`this prints: ${bin}/postgres -D ${data} -C data_directory. It said: `),
    "Its own configuration names what lies outside of its data directory: hba_file /etc/live/pg_hba.conf, include /etc/live/more.conf. On the source's machine that is the source's; elsewhere it may be missing. Look at each before you start it.",
  ]);
  const text = await readFile(join(data, 'postgresql.conf'), 'utf8');
  expect(text.match(/^data_directory|^# made a comment .*data_directory/gim)).toHaveLength(2);
  expect(text).not.toMatch(/^\s*data_directory/im);
  expect(text).toContain("\nhba_file = '/etc/live/pg_hba.conf'\n");
});

test('broken off, a release has not put in its place what leads elsewhere', async () => {
  await writeFile(join(data, 'postgresql.auto.conf'), '');
  await quarantined("data_directory = '/srv/live'\n");
  // Copied over it is the next one of the files.
  await rm(join(data, 'postgresql.auto.conf'));
  await mkdir(join(data, 'postgresql.auto.conf'));
  await expect(release(data, bin)).rejects.toThrow('EISDIR');
  expect(await readFile(join(data, 'postgresql.conf'), 'utf8')).toMatch(
    /^# made a comment .*: data_directory = '\/srv\/live'\n$/,
  );
  await rm(join(data, 'postgresql.auto.conf'), { recursive: true });
  expect(await release(data, bin)).toMatchObject({ warnings: [] });
});

test('its own data directory stays as it names it, and without its configuration that is told', async () => {
  const own = `data_directory = '${data}'\n`;
  await quarantined(own);
  expect((await release(data, bin)).warnings).toEqual([]);
  expect(await readFile(join(data, 'postgresql.conf'), 'utf8')).toBe(own);
  await rm(join(data, 'postgresql.conf'));
  await writeFile(join(data, 'postgresql.auto.conf'), "archive_command = 'copy'\n");
  await quarantine(data, {});
  await noteRestored(data, {});
  expect((await release(data, bin)).warnings).toEqual([
    expect.stringContaining('sets archive_command'),
    expect.stringContaining('is not in its data directory: look at the one'),
  ]);
});

test('a server that runs is refused, with the whole command that shuts it down', async () => {
  await quarantined('port = 5432\n');
  await writeFile(join(data, 'postmaster.pid'), '1\n');
  await expect(release(data, bin)).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    hint: `Shut it down: ${bin}/pg_ctl --pgdata=${data} stop`,
  });
});
