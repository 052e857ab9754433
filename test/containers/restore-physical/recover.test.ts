import { once } from 'node:events';
import { readdir, rename, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  parseTargetUri,
  withSession,
} from '../../../containers/runner/restore/target-connection.ts';
import { WalAhead } from '../../../containers/runner/restore-physical/wal-ahead.ts';
import { ExitCode } from '../../../contract/exit-codes.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { nextSegment, parseLsn, segmentAt, segmentName } from '../../../contract/wal-segments.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { DATA } from '../../local-cloud/servers/postgres-scripts.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { waitUntil } from '../../local-cloud/servers/wait-until.ts';
import { CLUSTER, type RealVault, startRealVault } from '../../vault/real-vault.ts';
import { walVault } from '../../vault/wal/real-wal.ts';
import { WalArchive } from './archive-wal.ts';
import { HOME, type HostOptions, type RestoreHost, startRestoreHost } from './restore-host.ts';
import { takeBase } from './take-base.ts';

const SEGMENT_BYTES = 16 * 1024 * 1024;
/** On the host: the authority of the source's certificate. */
const CA = `${HOME}/ca.pem`;

let run: Run;
/** The authority of the source's certificate, here. */
let caFile: string;
let vault: RealVault;
let server: PostgresServer;
let host: RestoreHost;
let older: PhysicalManifest;
let newer: PhysicalManifest;
/** Names of whole segments, oldest first. */
const segments: string[] = [];
/** Name of the one that is not whole. */
let open: string;
/** Of a whole one of which the beginning, with the drop in it, is also there by itself. */
let begun: string;
/** What the story was at its turns. */
const points: Record<'dropped' | 'quiet' | 'unseen', { at: string; lsn: string; xid: string }> =
  {} as never;

beforeAll(async () => {
  [run, vault] = await Promise.all([startRun(), startRealVault()]);
  const certificates = await makeCertificates(run);
  caFile = certificates.caFile;
  server = await startLoneServer({ run, certificates }, 'source');
  host = await startRestoreHost(run, vault);
  await host.run(['sh', '-c', `echo "$1" >${CA}`, 'sh', certificates.caPem]);
  await server.query('CREATE TABLE invoice (id int)');
  // As other tools leave it in the configuration of a server that they restored.
  await server.query(`ALTER SYSTEM SET recovery_target_time = '2020-01-01 00:00:00+00'`);
  // As in the directory of a standby, which backups are taken from.
  await server.exec(['touch', `${DATA}/standby.signal`]);
  older = await takeBase(server, vault, { label: '20261120T040000Z-physical-full-8a4b0d' });
  await server.exec(['rm', `${DATA}/standby.signal`]);
  const archive = new WalArchive(
    server,
    walVault(vault, { systemIdentifier: older.source.systemIdentifier }),
  );
  await server.query('INSERT INTO invoice SELECT generate_series(1, 1000)');
  await server.query("SELECT pg_create_restore_point('before the drop')");
  segments.push(...(await archive.whole()));
  points.dropped = await now();
  const { rows } = await server
    .query('DROP TABLE invoice; SELECT 1', {})
    .then(() => server.query('SELECT (txid_current() - 1)::text AS xid'));
  points.dropped.xid = (rows[0] as { xid: string }).xid;
  begun = await archive.open();
  segments.push(...(await archive.whole()));
  newer = await takeBase(server, vault, { label: '20261120T050000Z-physical-full-8a4b0e' });
  segments.push(...(await archive.whole()));
  await server.query('CREATE TABLE late AS SELECT 7 AS id');
  points.quiet = await now();
  // Of the last second before bytes were there nothing is taken for granted.
  await server.query('SELECT pg_sleep(1)');
  // Bytes of the open segment after the last commit's: recovery to a quiet time ends with them.
  open = await archive.open(async () => {
    // Before they are in the vault; S3 says in whole seconds when that was.
    await server.query('CREATE TABLE unseen ()');
    points.unseen = await now();
    await server.query('SELECT pg_sleep(1)');
  });
});
afterAll(async () => {
  await host?.stop();
  await server?.stop();
  await vault?.stop();
  await run?.stop();
});

async function now() {
  const { rows } = await server.query(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
       pg_current_wal_insert_lsn()::text AS lsn, '0' AS xid, pg_sleep(0.01)`,
  );
  return rows[0] as { at: string; lsn: string; xid: string };
}

function restore(directory: string, args: readonly string[], options?: HostOptions) {
  return host.holdfast(
    [
      ...['restore', '--kind', 'physical', '--cluster', CLUSTER, '--json'],
      ...['--directory', `${HOME}/${directory}`, ...args],
    ],
    options,
  );
}

/** The first that recovery from the older base needs and that base does not hold. */
function segmentAfterBase(): string {
  return nextSegment(segments.findLast((name) => name <= baseSegment()) ?? '', SEGMENT_BYTES);
}

function baseSegment(): string {
  const number = segmentAt(parseLsn(older.stop.lsn), SEGMENT_BYTES);
  return segmentName({ timeline: 1, number }, SEGMENT_BYTES);
}

const COUNT = 'SELECT count(*) FROM invoice';

describe('recovery', () => {
  test('to a time begins with the newest base before it, and has what was dropped right after', async () => {
    const { exitCode, stdout } = await restore('time', ['--target-time', points.dropped.at]);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ label: older.label, state: 'promoted', timeline: 2 },
      stoppedAt: expect.stringContaining('before commit'),
    });
    expect(exitCode).toBe(0);
    expect(await host.ask(`${HOME}/time`, COUNT)).toBe('1000');
  });

  test('to a time after the last commit ends with the WAL that was there then', async () => {
    const { exitCode, stdout } = await restore('quiet', ['--target-time', points.quiet.at]);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ label: newer.label, state: 'promoted' },
      stoppedAt: expect.stringContaining('after WAL location (LSN)'),
    });
    expect(exitCode).toBe(0);
    expect(await host.ask(`${HOME}/quiet`, 'SELECT id FROM late')).toBe('7');
  });

  test('to right before a transaction may shut the server down there', async () => {
    const { stdout } = await restore(`it's "$HOME" in \\ ü`, [
      ...['--target-xid', points.dropped.xid, '--target-exclusive'],
      ...['--target-action', 'shutdown'],
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ label: older.label, state: 'stopped' },
      stoppedAt: expect.stringContaining(`before commit of transaction ${points.dropped.xid}`),
    });
  });

  test('to a restore point waits there to be looked at, until it is told to end', async () => {
    const words = [
      ...['restore', '--kind', 'physical', '--cluster', CLUSTER, '--directory', `${HOME}/paused`],
      ...['--target-name', 'before the drop', '--target-action', 'pause'],
    ];
    const sql = 'SELECT pg_is_in_recovery(), count(*) FROM invoice';
    const { stdout, stderr } = await host.lookAt(words, sql);
    expect(stderr).toBe('');
    expect(stdout).toContain('t|1000\nstatus 0\n');
    expect(stdout).toContain('Recovery is paused at the target, and the server is read-only');
    // Still in recovery: released, it would come up somewhere else.
    const released = await host.holdfast(['restore', '--release', `${HOME}/paused`]);
    expect(released.exitCode).toBe(ExitCode.RestoreRefused);
    expect(released.stderr).toContain('is still in recovery');
  });

  test('reaches what there is of the segment before a gap', async () => {
    const hidden = { key: `/00000001/${begun}`, from: 'everyone' } as const;
    const target = ['--target-xid', points.dropped.xid];
    const { exitCode, stdout, stderr } = await restore('cut', target, { access: { hidden } });
    expect(stderr).not.toContain('WAL_GAP');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ label: older.label, state: 'promoted' },
      stoppedAt: expect.stringContaining(`after commit of transaction ${points.dropped.xid}`),
    });
    expect(exitCode).toBe(0);
  });

  test('stops where a segment is missing, and does not promote', async () => {
    const missing = segmentAfterBase();
    const { exitCode, stderr } = await restore('gap', ['--label', older.label], {
      access: { hidden: { key: missing, from: 'server' } },
    });
    expect(stderr).toContain(`WAL_GAP: The vault has nothing of the WAL segment ${missing}`);
    expect(exitCode).toBe(ExitCode.RestoreFailed);
    const control = await host.run([
      ...['/usr/lib/postgresql/17/bin/pg_controldata', `${HOME}/gap`],
    ]);
    expect(control.stdout).toMatch(/cluster state: +in archive recovery/);
    expect((await host.run(['ls', `${HOME}/gap/pg_wal`])).stdout).not.toMatch(/^00000002/m);
  });
});

test('a standby that comes to nothing leaves no slot of its own, and tells of one that was there', async () => {
  const slots = 'SELECT slot_name FROM pg_replication_slots';
  const options = {
    env: { HOLDFAST_RESTORE_URI: server.uri.replace('verify-full', 'require') },
    access: { masterKey: 'ab'.repeat(32) },
  };
  const follow = ['--standby', '--slot', 'of_nobody', '--label', older.label];
  const first = await restore('nothing', follow, options);
  expect(first.stderr).toContain('error VAULT_INTEGRITY');
  expect(first.stderr).not.toContain('of_nobody');
  expect((await server.query(slots)).rows).toEqual([]);
  await server.query("SELECT pg_create_physical_replication_slot('of_nobody', true)");
  const second = await restore('nothing', follow, options);
  expect(second.exitCode).toBe(ExitCode.VaultIntegrity);
  expect(second.stderr).toMatch(
    /The slot "of_nobody" on \S+:\d+ holds back WAL: restore again, or/,
  );
  expect((await server.query(slots)).rows).toEqual([{ slot_name: 'of_nobody' }]);
  await server.query("SELECT pg_drop_replication_slot('of_nobody')");
});

test('a standby that would not trust its primary is refused before anything is begun', async () => {
  const { exitCode, stderr } = await restore('distrusting', ['--standby'], {
    // Of ours, and not of the server that will be the standby.
    env: { HOLDFAST_RESTORE_URI: server.uri, NODE_EXTRA_CA_CERTS: CA },
  });
  expect(stderr).toMatch(/error RESTORE_REFUSED: Cannot connect to .*certificate/);
  expect(stderr).toContain('--ca FILE for a private authority');
  expect(exitCode).toBe(ExitCode.RestoreRefused);
  expect((await host.run(['ls', HOME])).stdout).not.toContain('distrusting');
});

test('with an authority at hand, `require` verifies by it, as the standby will', async () => {
  const [other = ''] = rootCertificates;
  const file = join(run.directory, 'other.pem');
  await writeFile(file, other);
  const uri = server.uri.replace('verify-full', 'require');
  const connecting = (ca?: string) =>
    withSession(parseTargetUri(uri, ca), 'postgres', async () => 'connected');
  expect(await connecting()).toBe('connected');
  expect(await connecting(caFile)).toBe('connected');
  await expect(connecting(file)).rejects.toMatchObject({
    ...{ code: 'RESTORE_REFUSED', message: expect.stringContaining('certificate') },
  });
  const libpq = await host.run(
    ['sh', '-c', 'echo "$1" >"$PGSSLROOTCERT"; psql -XAtc "SELECT 1" "$URI"', 'sh', other],
    { env: { URI: uri, PGSSLROOTCERT: `${HOME}/other.pem` } },
  );
  expect(libpq.stderr).toContain('certificate verify failed');
});

test('a new standby takes from the vault what its primary no longer has, and streams', async () => {
  const uri = new URL(server.uri);
  const password = decodeURIComponent(uri.password);
  expect(password).toContain('p@ss');
  uri.password = '';
  const answer = await host.holdfast(
    [
      ...['restore', '--kind', 'physical', '--cluster', CLUSTER, '--label', older.label],
      ...['--standby', '--slot', 'new_standby', '--directory', `${HOME}/standby`, '--ca', CA],
    ],
    { env: { HOLDFAST_RESTORE_URI: uri.href, PGPASSWORD: password } },
  );
  expect(answer.stderr).not.toContain('error');
  expect(answer.exitCode).toBe(0);
  expect(answer.stdout).toContain('streams timeline 1 from 0/');
  expect(answer.stdout).toContain('Its own configuration sets recovery_target_time, at which a');
  await server.query('INSERT INTO late VALUES (8)');
  // Until it has what was committed while it was down.
  const script = `until psql -XAtc "SELECT 'there' FROM late WHERE id = 8" postgres | grep there; do sleep 0.1; done
psql -XAtc "SELECT pg_is_in_recovery(), status, slot_name FROM pg_stat_wal_receiver" postgres`;
  expect(await host.serve(`${HOME}/standby`, ['sh', '-c', script])).toBe(
    'there\nt|streaming|new_standby',
  );
  const { rows } = await server.query(
    'SELECT slot_name, restart_lsn IS NOT NULL AS holds FROM pg_replication_slots',
  );
  expect(rows).toEqual([{ slot_name: 'new_standby', holds: true }]);
  const { stdout } = await host.run([
    'sh',
    '-c',
    `cd ${HOME}/standby; cat *.conf; stat -c %a *.pgpass`,
  ]);
  expect(stdout).toContain('primary_conninfo');
  expect(stdout).not.toContain('p@ss');
  expect(stdout).toMatch(/^600$/m);
  expect(stdout).not.toContain('holdfast-quarantine');
});

test('WAL is fetched ahead, no further than it may lie ready, and not what was passed', async () => {
  const directory = join(run.directory, 'ahead');
  const reader = { vault, dataKeys: vault.dataKeys, cluster: CLUSTER };
  const ready = async () =>
    (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  const until = (names: readonly string[]) =>
    waitUntil(async () => isDeepStrictEqual(await ready(), names), {
      what: `${names.join(', ')} to lie ready`,
      timeoutMs: 120_000,
    });
  const [first = '', second = '', third = '', fourth = ''] = segments;
  const ahead = await WalAhead.start({ reader, names: segments, directory, most: 2 });
  try {
    await until([first, second]);
    expect((await stat(join(directory, first))).size).toBe(SEGMENT_BYTES);
    await rename(join(directory, first), join(run.directory, 'taken'));
    await until([second, third]);
    // Asked for in vain, and so fetched by the server itself.
    await writeFile(join(directory, 'asked'), third);
    await until(['asked', ...[fourth, segments[4]].filter((name) => name !== undefined)].sort());
  } finally {
    await ahead.stop();
  }
  await expect(readdir(directory)).rejects.toThrow('ENOENT');
});

const NO_BASE = 'no base backup ends before it';

describe('a target that cannot be reached is refused, with the range that can', () => {
  test.each<[string, () => [string, string], string]>([
    ['before the first base', () => ['time', '2026-01-01T00:00:00Z'], NO_BASE],
    ['while the first base was taken', () => ['time', older.start.at], NO_BASE],
    ['at which the first base began', () => ['lsn', older.start.lsn], NO_BASE],
    [
      'that WAL was stored after, without what was committed before',
      () => ['time', points.unseen.at],
      'and is known to hold all that was committed until 2',
    ],
    ['after the last WAL', () => ['time', '2099-01-01T00:00:00Z'], 'WAL ends at'],
    ['beyond the end', () => ['lsn', 'FF/0'], 'WAL ends at'],
    ['that nobody made', () => ['name', 'nope'], 'no WAL after a base backup'],
  ])('%s', async (_, target, why) => {
    const [by, value] = target();
    const { exitCode, stdout, stderr } = await restore('never', [`--target-${by}`, value]);
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect(JSON.parse(stdout).error.code).toBe('TARGET_UNREACHABLE');
    expect(stderr).toContain(why);
    expect(stderr).toContain(`What can be reached: from ${older.stop.at} (${older.stop.lsn}) to `);
    expect((await host.run(['ls', HOME])).stdout).not.toContain('never');
  });

  test('from the backup that was named, though an older one leads there', async () => {
    const target = ['--target-time', points.dropped.at];
    const { exitCode, stderr } = await restore('never', ['--label', newer.label, ...target]);
    expect(stderr).toContain(`it is not in what follows the end of ${newer.label}, at `);
    expect(stderr).toContain('Leave out --label, and an older backup is tried, too.');
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    const oldest = await restore('never', ['--label', older.label, '--target-lsn', '0/28']);
    expect(oldest.stderr).toContain(`follows the end of ${older.label}, at `);
    expect(oldest.stderr).toContain('Give a target in that range');
  });

  test('behind a gap', async () => {
    const missing = segmentAfterBase();
    const { exitCode, stderr } = await restore('never', ['--label', older.label], {
      access: { hidden: { key: missing, from: 'everyone' } },
    });
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect(stderr).toMatch(new RegExp(`WAL has a gap at 0/[0-9A-F]+: ${missing}`));
  });
});

describe('wal-fetch', () => {
  const fetch = (name: string, options?: HostOptions) =>
    host.holdfast(
      ['wal-fetch', '--cluster', CLUSTER, '--patience', '0', name, `${HOME}/fetched`],
      options,
    );

  test('puts whole files where the server wants them, open ones filled up with zeros', async () => {
    for (const name of [segments[0] ?? '', open]) {
      expect(await fetch(name)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
      const { stdout } = await host.run([
        'sh',
        '-c',
        `cd ${HOME}; stat -c %s fetched*; rm fetched`,
      ]);
      expect(stdout).toBe(String(SEGMENT_BYTES));
    }
  });

  test('waits for a vault that is away', async () => {
    const { port } = new URL(vault.access.endpoint);
    let away = 3;
    const relay = createServer((client) => {
      client.on('error', () => {});
      if (away > 0) {
        away -= 1;
        client.destroy();
        return;
      }
      const upstream = connect(Number(port), '127.0.0.1').on('error', () => client.destroy());
      client.pipe(upstream).pipe(client);
    }).listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const at = relay.address() as AddressInfo;
    try {
      const endpoint = `https://127.0.0.1:${at.port}`;
      const args = ['wal-fetch', '--cluster', CLUSTER, segments[0] ?? '', `${HOME}/fetched`];
      const answer = await host.holdfast(args, { access: { endpoint } });
      expect(answer).toEqual({ exitCode: 0, stdout: '', stderr: '' });
      expect(away).toBe(0);
    } finally {
      relay.close();
      await host.run(['rm', '-f', `${HOME}/fetched`]);
    }
  });

  test('fetches ahead in the background, where it is told to', async () => {
    const [first = '', second = '', third = ''] = segments;
    const aheadOf = (name: string, options?: HostOptions) =>
      host.holdfast(
        [
          ...['wal-fetch', '--cluster', CLUSTER, '--ahead', `${HOME}/ahead`],
          ...[name, `${HOME}/fetched`],
        ],
        options,
      );
    expect((await aheadOf(first)).exitCode).toBe(0);
    const wait = `until [ -f ${HOME}/ahead/${third} ]; do sleep 0.1; done; ls ${HOME}/ahead`;
    expect((await host.run(['timeout', '60', 'sh', '-c', wait])).stdout).toContain(second);
    // There already: nobody is asked for it.
    const nobody = { access: { endpoint: 'https://127.0.0.1:1' } };
    expect(await aheadOf(second, nobody)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    const size = await host.run([
      'sh',
      '-c',
      `cd ${HOME}; stat -c %s fetched; rm fetched; ls ahead`,
    ]);
    expect(size.stdout).toContain(String(SEGMENT_BYTES));
    expect(size.stdout).not.toContain(second);
  });

  test('says that WAL ends only where nothing comes after', async () => {
    for (const name of [nextSegment(open, SEGMENT_BYTES), '00000002.history']) {
      expect(await fetch(name)).toEqual({ exitCode: 1, stdout: '', stderr: '' });
    }
  });

  test('answers 126 for what is missing in between, and for all that it cannot look for', async () => {
    const [first = '', second = ''] = segments;
    const asked: [string, HostOptions][] = [
      [second, { access: { hidden: { key: second, from: 'server' } } }],
      [first, { access: { secretAccessKey: 'wrong' } }],
      ['00000002.history', { access: { secretAccessKey: 'wrong' } }],
      ['00000002.history', { access: { endpoint: 'https://127.0.0.1:1' } }],
      ['anything', {}],
    ];
    for (const [name, options] of asked) {
      const { exitCode, stderr } = await fetch(name, options);
      expect(stderr).toContain(`holdfast wal-fetch ${name}: error`);
      expect(exitCode).toBe(ExitCode.RecoveryMustStop);
    }
    for (const path of [`${HOME}/not/there`, '/fetched']) {
      const nowhere = await host.holdfast(['wal-fetch', '--cluster', CLUSTER, first, path]);
      expect(nowhere.stderr).toContain(`error REQUEST_INVALID: ${path} cannot be written (E`);
      expect(nowhere.exitCode).toBe(ExitCode.RecoveryMustStop);
    }
    expect((await host.holdfast(['wal-fetch', first])).exitCode).toBe(ExitCode.RecoveryMustStop);
    expect((await host.run(['ls', HOME])).stdout).not.toContain('fetched');
  });
});
