import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertDiskRoom } from '../../../containers/runner/restore-physical/disk-need.ts';
import { QUARANTINE } from '../../../containers/runner/restore-physical/quarantine.ts';
import { ExitCode } from '../../../contract/exit-codes.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { examplePhysicalManifest } from '../../fixtures/example-physical-manifest.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { freePort } from '../../local-cloud/servers/free-port.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { DATA, TABLESPACES } from '../../local-cloud/servers/postgres-scripts.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { waitUntil } from '../../local-cloud/servers/wait-until.ts';
import { CLUSTER, type RealVault, startRealVault } from '../../vault/real-vault.ts';
import {
  HOME,
  type HostOptions,
  hostVolumes,
  type RestoreHost,
  restoreHostIn,
} from './restore-host.ts';
import { takeBase } from './take-base.ts';

let run: Run;
let vault: RealVault;
let server: PostgresServer;
/** The very machine that the source runs on. */
let host: RestoreHost;
/** Full, and two incremental ones on it. */
const taken: PhysicalManifest[] = [];
/** Sums of all tables, when the last one was taken. */
let sums: string;

/** What the source's `archive_command`, and whoever inherits it, writes into: who archived, and what. */
const ARCHIVED = `${HOME}/archived`;
const COLD = `${TABLESPACES}/cold`;
const SUMS = `SELECT concat_ws(' ', ${['here', 'cold', 'warm', 'later']
  .map((table) => `(SELECT sum(id) FROM ${table})`)
  .join(', ')})`;

beforeAll(async () => {
  [run, vault] = await Promise.all([startRun(), startRealVault()]);
  const certificates = await makeCertificates(run);
  const volumes = await hostVolumes(run, vault);
  server = await startLoneServer({ run, certificates }, 'source', volumes);
  host = restoreHostIn(server.container, vault);
  await server.query('ALTER SYSTEM SET archive_mode = on');
  // It would change files of the tablespaces while they are looked at.
  await server.query('ALTER SYSTEM SET autovacuum = off');
  // A server runs it in its data directory.
  await server.query(`ALTER SYSTEM SET archive_command = 'echo "$PWD %f" >>${ARCHIVED}'`);
  await server.crash();
  for (const name of ['cold', 'warm']) {
    await server.exec(['mkdir', '-m', '700', `${TABLESPACES}/${name}`]);
    await server.query(`CREATE TABLESPACE ${name} LOCATION '${TABLESPACES}/${name}'`);
  }
  for (const [table, space] of Object.entries({ here: 'pg_default', cold: 'cold', warm: 'warm' })) {
    await server.query(
      `CREATE TABLE ${table} TABLESPACE ${space} AS SELECT generate_series(1, 20000) AS id`,
    );
    await server.query(`CREATE INDEX ON ${table} (id) TABLESPACE ${space}`);
  }
  for (const [at, type] of ['full', 'incremental', 'incremental'].entries()) {
    const parent = taken.at(-1);
    const label = `20261120T04000${at}Z-physical-${type}-8a4b0d`;
    taken.push(await takeBase(server, vault, { label, ...(parent && { parent }) }));
    for (const table of ['here', 'cold', 'warm']) {
      await server.query(`UPDATE ${table} SET id = id + 1 WHERE id % 1000 = ${at}`);
    }
    if (at === 0) {
      await server.query(
        'CREATE TABLE later TABLESPACE warm AS SELECT generate_series(1, 9) AS id',
      );
    }
    if (at === 1) sums = await live(SUMS);
  }
});
afterAll(async () => {
  await server?.stop();
  await vault?.stop();
  await run?.stop();
});

const END_SEGMENT = `SELECT pg_logical_emit_message(true, 'test', 'end'), pg_switch_wal()`;

/** What a server has archived, by its data directory. */
async function archivedBy(directory: string): Promise<string[]> {
  const { stdout } = await host.run(['cat', ARCHIVED]);
  return stdout.split('\n').filter((line) => line.startsWith(`${directory} `));
}

/** Asks the source. */
async function live(sql: string): Promise<string> {
  const { rows } = await server.query(sql);
  return Object.values(rows[0] as object).join('|');
}

function restore(directory: string, args: readonly string[], options?: HostOptions) {
  return host.holdfast(
    [
      ...['restore', '--kind', 'physical', '--cluster', CLUSTER, '--target', 'immediate'],
      ...['--directory', `${HOME}/${directory}`, ...args],
    ],
    options,
  );
}

async function shell(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await host.run(['sh', '-euc', script]);
  expect(exitCode, stderr).toBe(0);
  return stdout.trim();
}

/** Restores with a program that, once it has done its work, kills who started it. */
async function killedAt(program: string, directory: string, args: readonly string[] = []) {
  const bin = `/tmp/kills-at-${program}`;
  const real = `/usr/lib/postgresql/17/bin/${program}`;
  await shell(`mkdir -p ${bin}; ln -sf /usr/lib/postgresql/17/bin/* ${bin}; rm ${bin}/${program}
cat >${bin}/${program} <<'END'
#!/bin/sh
${real} "$@" || exit
[ "$1" = --version ] || kill -KILL $PPID
END
chmod 755 ${bin}/${program}`);
  const killed = await restore(directory, [...args, '--pg-bin', bin]);
  expect(killed.exitCode, killed.stderr).toBe(137);
}

/**
 * What a server says that is started on each of the directories in turn, and does not start.
 *
 * @param option by which it is told of `$data`, or of a configuration that names it.
 */
async function startEach(directories: readonly string[], option: string): Promise<string> {
  const port = await freePort();
  return await shell(`for data in ${directories.join(' ')}; do
  printf "data_directory = '$data'\\nhba_file = '/dev/null'\\nident_file = '/dev/null'\\n" >/tmp/outside.conf
  echo "$data:"
  if timeout 30 /usr/lib/postgresql/17/bin/postgres ${option} -c listen_addresses= -c unix_socket_directories=/tmp -c port=${port} 2>&1
  then exit 1; else [ $? != 124 ] || { echo "a server ran on $data" >&2; exit 1; }; fi
done`);
}

describe('a base backup', () => {
  test('is restored to its own end, and quarantined until it is released', async () => {
    const directory = `${HOME}/full`;
    const [full] = taken;
    const { exitCode, stdout, stderr } = await restore('full', [
      ...['--label', full?.label ?? '', '--json'],
    ]);
    expect(stderr).toContain('fetch: ');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ label: full?.label, state: 'promoted', timeline: 2 },
    });
    const settings = `SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings
      WHERE name IN ('archive_mode', 'listen_addresses', 'max_connections', 'primary_conninfo')`;
    expect(await host.ask(directory, settings)).toBe('off 127.0.0.1 60');
    // The source archives what it ends, and so would this one.
    await server.query(END_SEGMENT);
    await waitUntil(async () => (await archivedBy(DATA)).length > 0, {
      what: 'the source to archive',
      timeoutMs: 120_000,
    });
    await host.ask(directory, END_SEGMENT);
    expect(await archivedBy(directory)).toEqual([]);
    const released = await host.holdfast(['restore', '--release', directory]);
    expect(released).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('timeline 2'),
      stderr: expect.stringContaining(
        'warning: Its own configuration sets archive_command. Make sure that the old server',
      ),
    });
    const own = await host.run(['cat', `${directory}/postgresql.conf`]);
    expect(own.stdout).toContain("max_slot_wal_keep_size = '2GB'");
    const { stdout: files } = await host.run(['ls', directory]);
    expect(files).not.toContain('holdfast-quarantine');
    expect(files).not.toContain('tablespace_map');
    // Nothing but the quarantine had kept it from that.
    await host.ask(directory, END_SEGMENT);
    expect(await archivedBy(directory)).toContainEqual(
      expect.stringMatching(/ 00000002[0-9A-F]{16}$/),
    );
  });

  test('goes into no directory that holds anything, or that lacks its parent, and leaves what is there', async () => {
    await host.run(['sh', '-c', `mkdir ${HOME}/used && echo mine >${HOME}/used/file`]);
    const places = [
      ['used', [], 'is not empty: '],
      ['fresh', ['--tablespace-mapping', `${COLD}=${HOME}/used`], 'is not empty: '],
      // The source's own, in use.
      ['fresh', ['--tablespace-mapping', `${COLD}=${COLD}`], 'is not empty: '],
      ['fresh/of/it', [], 'The directory that it is to be made in must be there'],
    ] as const;
    for (const [directory, args, found] of places) {
      const { exitCode, stderr } = await restore(directory, args);
      expect(stderr).toContain(found);
      expect(exitCode).toBe(ExitCode.RestoreRefused);
    }
    expect((await host.run(['cat', `${HOME}/used/file`])).stdout).toBe('mine');
    expect((await host.run(['ls', HOME])).stdout).not.toContain('fresh');
  });

  test('that fails on the way leaves nothing behind', async () => {
    const other = { access: { masterKey: 'ab'.repeat(32) } };
    const { exitCode, stderr } = await restore(
      ...(['other-key', ['--tablespace-mapping', `${COLD}=${HOME}/cold-key`], other] as const),
    );
    expect(stderr).toContain('error VAULT_INTEGRITY');
    expect(exitCode).toBe(ExitCode.VaultIntegrity);
    expect((await host.run(['ls', HOME])).stdout).not.toMatch(/-key|holdfast-chain/);
  });

  test('or a chain that is killed on the way leaves nothing that a server starts on', async () => {
    // Once all of it is laid out, before anybody has had a look at it.
    await killedAt('pg_verifybackup', 'killed', ['--label', taken[0]?.label ?? '']);
    await killedAt('pg_combinebackup', 'killed-combined');
    const members = `${HOME}/holdfast-chain-*`;
    const filled = await shell(`find ${HOME}/killed* ${members} -name pg_control | wc -l`);
    const directories = (await shell(`ls -d ${HOME}/killed* ${members}/[0-9]`)).split('\n');
    expect([filled, directories.length]).toEqual(['5', 5]);
    const said = await startEach(directories, '-D "$data"');
    for (const directory of directories) {
      expect(said).toMatch(
        new RegExp(
          `${directory}/postgresql.conf": No such file|could not (read|open) lock file "postmaster.pid"`,
        ),
      );
    }
    // As on Debian, where the configuration lies outside.
    const outside = await startEach(directories, '-c config_file=/tmp/outside.conf');
    expect(outside.match(/PG_VERSION" is missing|lock file "postmaster.pid"/g)).toHaveLength(5);
    expect(await shell(`find ${HOME} -name tablespace_map`)).toBe('');
    const again = await restore('killed', []);
    expect(again).toMatchObject({
      exitCode: ExitCode.RestoreRefused,
      stderr: expect.stringContaining('or was killed: of one that was killed remove'),
    });
    await shell(`rm -r ${HOME}/killed* ${members}`);
  });

  test('that there is no room for is refused before anything is fetched', async () => {
    const needs = [
      { path: '/nowhere/at/all', bytes: 2 ** 60 },
      { path: '/nowhere', bytes: 1 },
    ];
    await expect(assertDiskRoom(needs)).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
      message: expect.stringContaining('/nowhere/at/all, /nowhere together need'),
    });
  });
});

describe('a chain with two tablespaces, on the machine of its source', () => {
  test('is combined, with every row, and the source stays untouched', async () => {
    await server.query('CHECKPOINT');
    const files = `find ${TABLESPACES} -type f -printf '%p %i %s %T@\\n' | sort`;
    const before = await host.run(['sh', '-c', files]);
    const { exitCode, stdout } = await restore('chain', [
      ...['--tablespace-mapping', `${COLD}=${HOME}/cold-restored`, '--json'],
    ]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      members: taken.map(({ label }) => label),
      tablespaces: [
        { name: 'cold', path: `${HOME}/cold-restored` },
        { name: 'warm', path: expect.stringMatching(/\/chain\/holdfast-tablespaces\/\d+$/) },
      ],
    });
    expect(await host.run(['sh', '-c', files])).toEqual(before);
    const links = await host.run(['sh', '-c', `readlink ${HOME}/chain/pg_tblspc/*`]);
    expect(links.stdout).not.toContain(TABLESPACES);
    expect(await host.ask(`${HOME}/chain`, SUMS)).toBe(sums);
    const check = ['pg_amcheck', '--all', '--install-missing', '--heapallindexed', '--no-password'];
    expect(await host.serve(`${HOME}/chain`, check)).toBe('');
    expect((await host.run(['ls', HOME])).stdout).not.toContain('holdfast-chain');
  });

  test('that lacks a member is not begun with', async () => {
    const [full, first, second] = taken.map(({ label }) => label);
    const hidden = { key: `catalog/${first}`, from: 'everyone' } as const;
    const { exitCode, stderr } = await restore('never', ['--label', second ?? ''], {
      access: { hidden },
    });
    expect(stderr).toContain(`rests on ${first}, which is not in the vault`);
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect(full).toBeDefined();
  });

  test('is not begun with where its members cannot be put', async () => {
    const { exitCode, stderr } = await restore('never', ['--staging', '/not/there']);
    expect(stderr).toContain('error RESTORE_REFUSED: The staging directory /not/there cannot be');
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect((await host.run(['ls', HOME])).stdout).not.toContain('never');
  });
});

/** A server that was shut down, started as a standby that nobody feeds: WAL ends with its checkpoint. */
async function startIdleStandby(data: string): Promise<Parameters<typeof takeBase>[0]> {
  const port = await freePort();
  const uri = `postgresql://postgres@/postgres?host=/tmp&port=${port}`;
  const run_ = async (command: readonly string[]) => {
    const { exitCode, stdout, stderr } = await host.run(command);
    expect(exitCode, stderr).toBe(0);
    return { stdout, stderr };
  };
  const settings = `port = ${port}\nlisten_addresses = ''\nunix_socket_directories = '/tmp'
data_directory = '${data}'
include = '/tmp/idle.conf'
external_pid_file = '/tmp/idle.pid'`;
  const start = `pg_ctl -D ${data} -w -l /tmp/idle.log start >/dev/null`;
  await run_([
    ...['sh', '-euc'],
    `export PATH=/usr/lib/postgresql/17/bin:$PATH
     initdb --no-sync --no-instructions --wal-segsize=64 -D ${data} -U postgres --auth=trust >/dev/null
     printf "${settings}\n" >>${data}/postgresql.conf
     echo "data_directory = '${data}'" >/tmp/idle.conf
     ${start}
     psql "${uri}" -XAtqc 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id'
     pg_ctl -D ${data} -w -m fast stop >/dev/null
     touch ${data}/standby.signal
     ${start}`,
  ]);
  const query: PostgresServer['query'] = async (sql) => {
    const json = `SELECT coalesce(json_agg(row), '[]') FROM (${sql}) row`;
    const { stdout } = await run_(['psql', uri, '-XAtc', json]);
    return { rows: JSON.parse(stdout) } as Awaited<ReturnType<PostgresServer['query']>>;
  };
  return { container: host.container, uri, exec: run_, query };
}

test('a base backup of a standby after which nothing was written is restored to its own end', async () => {
  const data = `${HOME}/idle`;
  const idle = await startIdleStandby(data);
  const label = '20261120T050000Z-physical-full-0d1e00';
  const { server: example } = examplePhysicalManifest();
  // Of a size for which PostgreSQL's own settings are too small.
  const walSegmentBytes = 64 * 1024 * 1024;
  await takeBase(idle, vault, {
    ...{ label, change: { server: { ...example, sharedPreloadLibraries: [], walSegmentBytes } } },
  });
  await host.run(['sh', '-c', `/usr/lib/postgresql/17/bin/pg_ctl -D ${data} -w -m fast stop`]);
  // To wait there is to stay in recovery, until somebody says otherwise.
  const paused = await host.lookAt(
    [
      ...[
        'restore',
        '--kind',
        'physical',
        '--cluster',
        CLUSTER,
        '--directory',
        `${HOME}/idle-paused`,
      ],
      ...['--label', label, '--target', 'immediate', '--target-action', 'pause'],
    ],
    'SELECT pg_is_in_recovery(), count(*), pg_promote() FROM kept',
  );
  expect(paused.stderr).toBe('');
  expect(paused.stdout).toContain('t|1000|t\nstatus 0\n');
  const stopped = await restore('idle-stopped', [
    ...['--label', label, '--target-action', 'shutdown', '--json'],
  ]);
  expect(JSON.parse(stopped.stdout)).toMatchObject({ state: 'stopped', timeline: 1 });
  const { exitCode, stdout, stderr } = await restore('from-idle', ['--label', label, '--json']);
  expect(exitCode, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ label, state: 'promoted', timeline: 2 });
  const directory = `${HOME}/from-idle`;
  const said = await host.run(['sh', '-c', `cat ${directory}/${QUARANTINE}/*.log`]);
  expect(said.stdout).toContain('recovery ended before configured recovery target was reached');
  const where = "SELECT current_setting('data_directory'), count(*) FROM kept";
  expect(await host.ask(directory, where)).toBe(`${directory}|1000`);
  // Its own configuration names the directory of the server that it is a copy of, and so does what it includes.
  const released = await host.holdfast(['restore', '--release', directory]);
  expect(released).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('timeline 2') });
  for (const warning of [
    `Its own configuration sets data_directory to ${data}, which a server started on ${directory} would`,
    `A file that its postgresql.conf includes sets data_directory to ${data}: the last line`,
    'outside of its data directory: external_pid_file /tmp/idle.pid, include /tmp/idle.conf.',
  ]) {
    expect(released.stderr).toContain(warning);
  }
  expect(await host.ask(directory, where)).toBe(`${directory}|1000`);
});
