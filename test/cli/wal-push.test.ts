import { createHash } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instantOf, microsecondsOf } from '../../contract/microseconds.ts';
import { gapsOf, pathTo } from '../../contract/wal-coverage.ts';
import { segmentName } from '../../contract/wal-segments.ts';
import type { ListedObject } from '../../vault/listed-objects.ts';
import { completeUntil } from '../../vault/wal/complete-until.ts';
import { findWalFile } from '../../vault/wal/fetch-wal.ts';
import { readTimelineHistory } from '../../vault/wal/read-history.ts';
import { findTarget, segmentsAlong } from '../../vault/wal/segment-index.ts';
import { readWalCatalog, type WalTimeline } from '../../vault/wal/wal-catalog.ts';
import { headWal } from '../../vault/wal/wal-head.ts';
import {
  type Answer,
  HOME,
  type HostOptions,
  type RestoreHost,
  startRestoreHost,
} from '../containers/restore-physical/restore-host.ts';
import { type Run, startRun } from '../local-cloud/servers/run.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { type RealVault, startRealVault } from '../vault/real-vault.ts';

const MIB = 1024 * 1024;
const BIN = '/usr/lib/postgresql/17/bin';
const DATA = `${HOME}/data`;
const OTHER = `${HOME}/other`;
const COPIES = `${HOME}/copies`;
const CLUSTER = 'pushed';
const HOLDFAST = `node /opt/holdfast.mjs wal-push --cluster ${CLUSTER}`;
/** A bucket that the environment comes to have. */
const ANOTHER = 'another-vault';
/** In the memory of the user: which bucket it is. */
const BUCKET_NOTE = '/tmp/holdfast-wal-push-*/*/bucket';
const UNREACHABLE: HostOptions = { access: { endpoint: 'https://127.0.0.1:9' } };
/** Segments are small, and at first nobody takes them. */
const SETTINGS = [
  ...['archive_mode = on', "archive_command = 'false'", 'fsync = off'],
  ...["listen_addresses = ''", "unix_socket_directories = '/tmp'"],
];

let run: Run;
let vault: RealVault;
let host: RestoreHost;
beforeAll(async () => {
  [run, vault] = await Promise.all([startRun(), startRealVault()]);
  host = await startRestoreHost(run, vault, { name: 'push-host' });
  await shell(`${BIN}/initdb -D ${DATA} --wal-segsize=1 -U postgres >/dev/null`);
  await configure(...SETTINGS);
  await shell(`${BIN}/pg_ctl -D ${DATA} -w -l /tmp/server.log start >/dev/null`);
}, 120_000);
afterAll(async () => {
  await shell(`${BIN}/pg_ctl -D ${DATA} -w -m immediate stop >/dev/null`).catch(() => undefined);
  await host?.stop();
  await vault?.stop();
  await run?.stop();
});

async function shell(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await host.run(['sh', '-euc', script]);
  if (exitCode !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout.trim();
}

async function configure(...lines: readonly string[]): Promise<void> {
  const script = `printf '%s\\n' "$@" >>${DATA}/postgresql.conf`;
  const { exitCode } = await host.run(['sh', '-euc', script, 'sh', ...lines]);
  expect(exitCode).toBe(0);
}

function sql(text: string): Promise<string> {
  return shell(`psql -h /tmp -U postgres -XAtc "${text}"`);
}

/** As the server runs it: in the data directory. */
function push(
  path: string,
  more: readonly string[] = [],
  { directory = DATA, ...options }: HostOptions & { readonly directory?: string } = {},
): Promise<Answer> {
  const script = `cd ${directory} && exec ${HOLDFAST} "$@"`;
  return host.run(['sh', '-c', script, 'sh', path, ...more], options);
}

async function timelineInVault(): Promise<WalTimeline | undefined> {
  return (await readWalCatalog(vault, CLUSTER)).timelines[0];
}

async function ready(): Promise<string[]> {
  const listed = await shell(`ls ${DATA}/pg_wal/archive_status`);
  return listed
    .split('\n')
    .filter((name) => /^[0-9A-F]{24}\.ready$/.test(name))
    .map((name) => name.slice(0, 24));
}

test('pushes what is ready with what is asked for, and remembers it', async () => {
  for (let made = 0; made < 5; made += 1) {
    await sql("select pg_logical_emit_message(false, 'x', 'x'); select pg_switch_wal()");
  }
  const [first = '', second = '', ...rest] = await ready();
  expect(rest.length).toBeGreaterThanOrEqual(3);
  const pushed = await push(`pg_wal/${first}`, ['--batch', '2']);
  expect([pushed.exitCode, pushed.stderr]).toEqual([0, '']);
  expect((await timelineInVault())?.segments.size).toBe(3);
  // Of the second one it knows without asking anybody, once.
  await shell(`touch ${BUCKET_NOTE}`);
  expect(await push(`pg_wal/${second}`, [], UNREACHABLE)).toMatchObject({ exitCode: 0 });
  const unreached = await push(`pg_wal/${second}`, [], UNREACHABLE);
  expect([unreached.exitCode, unreached.stderr]).toEqual([
    21,
    expect.stringContaining('error VAULT_UNAVAILABLE'),
  ]);
  // The same content is what the vault has.
  expect(await push(`pg_wal/${second}`, ['--batch', '0'])).toMatchObject({ exitCode: 0 });
  expect((await timelineInVault())?.segments.size).toBe(3);
});

test.each([
  // DB_IN_ARCHIVE_RECOVERY.
  ['pushes', `printf '\\005' | dd of=global/pg_control bs=1 seek=16 conv=notrunc status=none`],
  ['received, and pushes once it is promoted,', 'touch pg_wal/00000002.history'],
])('what a standby %s says nothing of what its primary had written by then', async (_, makeOne) => {
  await sql("select pg_logical_emit_message(false, 'x', 'x'); select pg_switch_wal()");
  const [, ...later] = await ready();
  const name = later.at(-1) ?? '';
  await shell(`rm -rf ${OTHER}-standby; mkdir -p ${OTHER}-standby/pg_wal ${OTHER}-standby/global; cd ${OTHER}-standby
cp ${DATA}/pg_wal/${name} pg_wal; cp ${DATA}/global/pg_control global
${makeOne}`);
  const directory = `${OTHER}-standby`;
  const pushed = await push(`pg_wal/${name}`, ['--batch', '0'], { directory });
  expect([pushed.exitCode, pushed.stderr]).toEqual([0, '']);
  const timeline = await timelineInVault();
  const object = [...(timeline?.segments.values() ?? [])].find(({ key }) => key.endsWith(name));
  const { metadata } = await headWal(vault, object as ListedObject);
  expect(metadata).toMatchObject({ bytes: MIB });
  expect(metadata).not.toHaveProperty('complete-until');
});

test('what went into the bucket that the environment had goes into the one that it has', async () => {
  for (let made = 0; made < 3; made += 1) {
    await sql("select pg_logical_emit_message(false, 'x', 'x'); select pg_switch_wal()");
  }
  const names = await ready();
  const [asked = '', beside = '', later = ''] = names.slice(-3);
  const state = ['--state', `${HOME}/state`];
  const all = ['--batch', String(names.length), ...state];
  expect(await push(`pg_wal/${asked}`, all)).toMatchObject({ exitCode: 0 });
  await vault.s3.send(
    new CreateBucketCommand({ Bucket: ANOTHER, ObjectLockEnabledForBucket: true }),
  );
  const there = { access: { bucket: ANOTHER } };
  // AWS is asked for the bucket again once it was some time ago.
  await shell(`touch -d '2 minutes ago' ${HOME}/state/*/bucket`);
  const alone = ['--batch', '0', ...state];
  expect(await push(`pg_wal/${beside}`, alone, there)).toMatchObject({ exitCode: 0 });
  const another = async () =>
    (await readWalCatalog({ ...vault, bucket: ANOTHER }, CLUSTER)).timelines[0]?.segments.size;
  expect(await another()).toBe(1);
  // Nor is what it holds of the old bucket passed over in a batch.
  expect(await push(`pg_wal/${beside}`, all, there)).toMatchObject({ exitCode: 0 });
  expect(await another()).toBe(names.length);
  await shell(`touch ${HOME}/state/*/bucket`);
  const unreached = { access: { ...UNREACHABLE.access, bucket: ANOTHER } };
  expect(await push(`pg_wal/${later}`, alone, unreached)).toMatchObject({ exitCode: 0 });
});

test('refuses other content under the same name, and what is not that segment', async () => {
  const [, second = '', third = ''] = await ready();
  const of = { directory: OTHER };
  const overwrite = (path: string, text: string, at: number) =>
    shell(`printf ${text} | dd of=${OTHER}/${path} bs=1 seek=${at} conv=notrunc 2>/dev/null`);
  const copy = (name: string) => shell(`cp ${DATA}/pg_wal/${name} ${OTHER}/pg_wal/${second}`);
  await shell(`mkdir -p ${OTHER}/pg_wal ${OTHER}/global`);
  await shell(`cp ${DATA}/global/pg_control ${OTHER}/global/`);
  await copy(second);
  await overwrite(`pg_wal/${second}`, 'x', 5000);
  const conflict = await push(`pg_wal/${second}`, [], of);
  expect([conflict.exitCode, conflict.stderr]).toEqual([
    23,
    expect.stringContaining('error WAL_CONFLICT'),
  ]);
  await copy(third);
  const misnamed = await push(`pg_wal/${second}`, [], of);
  expect(misnamed.exitCode).toBe(2);
  expect(misnamed.stderr).toContain('is not that segment');
  await shell(`head -c 8192 ${DATA}/pg_wal/${second} >${OTHER}/pg_wal/${second}`);
  expect((await push(`pg_wal/${second}`, [], of)).stderr).toContain('it has 8192 of 1048576');
  await copy(second);
  await overwrite('global/pg_control', '12345678', 0);
  expect((await push(`pg_wal/${second}`, [], of)).stderr).toContain('its pages are of system');
  expect(await push('pg_wal/00000001000000000000FFFF')).toMatchObject({ exitCode: 2 });
  const shared = await push(`pg_wal/${second}`, ['--state', '/tmp']);
  expect([shared.exitCode, shared.stderr]).toEqual([3, expect.stringContaining('only this user')]);
});

test('takes histories and partial segments', async () => {
  const [, second = ''] = await ready();
  const partial = `pg_wal/${second}.partial`;
  await shell(`printf '1\\t0/300100\\twhy\\n' >${DATA}/pg_wal/00000002.history`);
  await shell(`cp ${DATA}/pg_wal/${second} ${DATA}/${partial}`);
  for (const path of ['pg_wal/00000002.history', partial]) {
    expect(await push(path, ['--batch', '0'])).toMatchObject({ exitCode: 0 });
  }
  // Two servers may differ in what they had of it.
  await shell(`printf x >>${DATA}/${partial}`);
  const another = await push(partial, ['--batch', '0']);
  expect([another.exitCode, another.stderr]).toEqual([
    0,
    expect.stringContaining('warning: the vault has another'),
  ]);
  await shell(`rm ${DATA}/pg_wal/00000002.history ${DATA}/${partial}`);
  const reader = { vault, dataKeys: vault.dataKeys, cluster: CLUSTER };
  expect(await readTimelineHistory(reader, 2)).toMatchObject([{ timeline: 1, reason: 'why' }]);
  expect((await timelineInVault())?.partials.size).toBe(1);
});

test("a server's archive_command brings all of its WAL into the vault", async () => {
  await shell(`mkdir ${COPIES}`);
  await configure(`archive_command = 'cp %p ${COPIES}/%f && ${HOLDFAST} %p'`);
  // The command inherits what the server was started with.
  await shell(`${BIN}/pg_ctl -D ${DATA} -w -m fast -l /tmp/server.log restart >/dev/null`);
  await sql('create table entry as select generate_series(1, 20000) as id');
  // A base backup leaves a note of its own to be archived.
  await shell(
    "printf '%s\\n' \"select pg_backup_start('x', true);\" 'select pg_backup_stop(false);' | psql -h /tmp -U postgres -XAtq >/dev/null",
  );
  // The backup's end began a segment: without anything in it there would be none to switch from.
  await sql("select pg_logical_emit_message(false, 'x', 'x')");
  // Over more than one segment, of which none is removed: no checkpoint comes any more.
  await sql('insert into entry select generate_series(1, 40000)');
  const point = await sql("select pg_create_restore_point('here')");
  const last = await sql('select pg_walfile_name(pg_switch_wal())');
  await waitUntil(
    async () => (await sql('select last_archived_wal from pg_stat_archiver')) >= last,
    {
      what: 'the last segment to be archived',
      timeoutMs: 120_000,
      intervalMs: 500,
      explain: () => shell('tail -n 20 /tmp/server.log'),
    },
  );
  const catalog = await readWalCatalog(vault, CLUSTER);
  expect(catalog).toMatchObject({ segmentBytes: MIB, warnings: [] });
  const [timeline] = catalog.timelines;
  if (timeline === undefined) throw new Error('There is no timeline.');
  expect(gapsOf(timeline, MIB)).toEqual([]);
  const names = [...timeline.segments.keys()].map((number) =>
    segmentName({ timeline: 1, number }, MIB),
  );
  expect(names).toContain(last);
  // By then nothing had been written beyond its end; what was committed a moment before may have been written later.
  const end = timeline.ranges.at(-1)?.to ?? 0n;
  const written = await shell(`date -u -r ${DATA}/pg_wal/${last} +%FT%T.%6NZ`);
  expect(await completeUntil(vault, { path: pathTo(1, []), catalog }, end)).toBe(
    instantOf(microsecondsOf(written) - 1_000_000n),
  );
  // What lies in it is known without opening it.
  const along = segmentsAlong(catalog, pathTo(1, []), 0n);
  const reader = { vault, dataKeys: vault.dataKeys, cluster: CLUSTER };
  const found = await findTarget(reader, along, { name: 'here' });
  expect(found).toMatchObject({
    lsn: point,
    segment: { index: { restorePoints: [{ lsn: point }] } },
  });
  expect(found.lastCommit).toBeDefined();
  const copies = (await shell(`cd ${COPIES} && sha256sum *`)).split('\n');
  const segments = copies
    .map((line) => line.split(/\s+/))
    .filter(([, name]) => name?.length === 24);
  expect(segments.length).toBeGreaterThan(3);
  for (const [sha256, name = ''] of segments) {
    const hash = createHash('sha256');
    for await (const piece of (await findWalFile(reader, name))?.read() ?? []) hash.update(piece);
    expect([name, hash.digest('hex')]).toEqual([name, sha256]);
  }
  expect(copies.filter((line) => line.endsWith('.backup'))).toHaveLength(1);
}, 180_000);
