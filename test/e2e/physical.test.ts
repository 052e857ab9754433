import { readFileSync } from 'node:fs';
import { GetObjectRetentionCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { manifestKey } from '../../contract/vault-keys.ts';
import { walSlotName } from '../../contract/wal-slot.ts';
import { changedOptions } from '../local-cloud/changed-options.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import { readStream } from '../local-cloud/read-stream.ts';
import {
  combineBases,
  startOnBase,
  type UnpackedBase,
  unpackBase,
} from '../local-cloud/restore-base.ts';
import { BACKUP_ROLE } from '../local-cloud/seed.ts';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';
import { DATA } from '../local-cloud/servers/postgres-scripts.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { contentsOf, createBulk, createShop } from '../local-cloud/shop.ts';

/** Where tablespaces lie on both servers; the blank is what a script would trip over. */
const TABLESPACES = { cold: '/var/lib/postgresql/cold', warm: '/var/lib/postgresql/warm shelf' };

let cloud: LocalCloud;

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-base' });
  for (const { query } of [cloud.primary, cloud.standby]) {
    await query('alter system set summarize_wal = on');
    await query('select pg_reload_conf()');
  }
  // Whenever it comes, it writes pages that nobody has changed: incremental backups hold them.
  await cloud.primary.query('alter system set autovacuum = off');
  await cloud.primary.query('select pg_reload_conf()');
  await createShop(cloud.primary);
  // More than the spool holds.
  await createBulk(cloud.primary, 16);
  for (const [name, location] of Object.entries(TABLESPACES)) {
    for (const server of [cloud.primary, cloud.standby]) {
      await server.exec(['mkdir', '-p', location]);
    }
    await cloud.primary.query(`create tablespace ${name} location '${location}'`);
    await cloud.primary.query(
      `create table in_${name} tablespace ${name} as
         select i as id, md5(i::text) as text from generate_series(1, 30000) i`,
      { database: 'shop' },
    );
  }
  await cloud.primary.query('checkpoint');
  await cloud.standby.waitForReplay();
  // What the standby has not written by then would be in the WAL of the first backup alone.
  await cloud.standby.query('checkpoint');
  await cloud.connectSource('by-server', cloud);
  const uris = [cloud.primary.uriFor(BACKUP_ROLE)];
  await cloud.putSecret('short-chain', JSON.stringify({ uris, ca: cloud.certificates.caPem }));
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

async function ask(
  cluster: string,
  type: PhysicalManifest['type'],
): Promise<{ taskArn: string; label: string }> {
  const answer = await cloud.invoke(startTaskFunctionName('local-base'), {
    action: 'backup',
    cluster,
    kind: 'physical',
    type,
  });
  return StartTaskAnswer.parse(answer.payload);
}

async function backUp(
  cluster: string,
  type: PhysicalManifest['type'] = 'full',
): Promise<TaskEnd & { label: string }> {
  const { taskArn, label } = await ask(cluster, type);
  return { label, ...(await cloud.waitForTask(taskArn, { timeoutSeconds: 150 })) };
}

async function manifestOf(cluster: string, label: string): Promise<PhysicalManifest> {
  const { stdout, stderr } = await cloud.holdfast(['show', label, '--cluster', cluster, '--json']);
  expect(stdout, stderr).not.toBe('');
  return (JSON.parse(stdout) as { manifest: PhysicalManifest }).manifest;
}

async function backUpWell(
  cluster: string,
  type?: PhysicalManifest['type'],
): Promise<PhysicalManifest> {
  const { label, exitCode, logFile } = await backUp(cluster, type);
  expect(exitCode, readFileSync(logFile, 'utf8')).toBe(0);
  return await manifestOf(cluster, label);
}

async function sizeOf(server: PostgresServer): Promise<number> {
  const { rows } = await server.query(
    'select sum(pg_database_size(oid))::int8 as size from pg_database',
  );
  return Number((rows[0] as { size: string }).size);
}

/** Starts a server on an unpacked backup, and compares all that is in it with the standby. */
async function expectSameRows(name: string, base: UnpackedBase): Promise<void> {
  const server = await startOnBase(cloud, name, base);
  try {
    for (const database of ['shop', 'bulk']) {
      expect(await contentsOf(server, database)).toEqual(await contentsOf(cloud.standby, database));
    }
  } finally {
    await server.stop();
  }
}

async function change(what: string): Promise<void> {
  await cloud.primary.query(
    `update in_cold set text = '${what}' where id % 1000 = 1;
     insert into in_warm values (0, '${what}');
     insert into customer (name, since) values ('${what}', '2026-01-01')`,
    { database: 'shop' },
  );
  await cloud.standby.waitForReplay();
}

async function locksOf({
  key,
  artifacts,
  label,
}: Pick<PhysicalManifest, 'artifacts' | 'label'> & { key: string }) {
  const manifest = { key, versionId: undefined };
  const locks = new Set<number>();
  for (const object of [manifest, ...artifacts]) {
    const { Retention } = await cloud.s3.send(
      new GetObjectRetentionCommand({
        Bucket: cloud.bucket,
        Key: object.key,
        VersionId: object.versionId,
      }),
    );
    locks.add(Retention?.RetainUntilDate?.getTime() ?? 0);
  }
  expect([...locks], label).toHaveLength(1);
  return [...locks][0] ?? 0;
}

function eventsOf({ logFile }: TaskEnd): Record<string, unknown>[] {
  return readFileSync(logFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a full base backup', () => {
  test('from a standby under load, with its WAL, starts as a server with the same rows', async () => {
    // Left behind by a streamer that this cluster once had.
    const slot = walSlotName('local-base', 'shop');
    await cloud.standby.query(`select pg_create_physical_replication_slot('${slot}', true)`);
    const manifest = await backUpWell('shop');
    expect(manifest.warnings).toContainEqual(
      expect.stringContaining(`SELECT pg_drop_replication_slot('${slot}');`),
    );
    await cloud.standby.query(`select pg_drop_replication_slot('${slot}')`);
    expect(manifest).toMatchObject({
      kind: 'physical',
      type: 'full',
      chain: [],
      wal: 'stream',
      compression: 'zstd:1',
      source: { role: 'replica', port: cloud.standby.port },
      start: { timeline: 1 },
      stop: { timeline: 1 },
      damage: [],
    });
    expect(manifest.artifacts.map(({ name }) => name).toSorted()).toEqual(
      [
        ...manifest.tablespaces.map(({ oid }) => `tablespace-${oid}.tar.0001`),
        ...['backup_manifest.0001', 'base.tar.0001', 'pg_wal.tar.0001'],
      ].toSorted(),
    );
    expect(manifest.tablespaces.map(({ name, location }) => [name, location])).toEqual(
      Object.entries(TABLESPACES),
    );
    expect(manifest.files.bytes).toBeGreaterThan(await sizeOf(cloud.standby));
    expect(manifest.peak.rssBytes).toBeLessThan(192 * 1024 * 1024);

    const own = (await readStream(cloud, manifest, manifest.backupManifest)).toString();
    expect(JSON.parse(own)).toMatchObject({
      'WAL-Ranges': [
        { Timeline: 1, 'Start-LSN': manifest.start.lsn, 'End-LSN': manifest.stop.lsn },
      ],
    });
    await expectSameRows('by-hand', await unpackBase(cloud, manifest, 'by-hand'));
  });
});

describe('backups that rest on others', () => {
  const members: PhysicalManifest[] = [];

  test('one is taken once a checkpoint has come, which is waited for', async () => {
    members.push(await backUpWell('shop'));
    await change('waited for');
    const { taskArn, label } = await ask('shop', 'incremental');
    const { logFile } = await cloud.task(taskArn);
    await waitUntil(
      async () => readFileSync(logFile, 'utf8').includes('waiting for a checkpoint'),
      {
        what: 'the task to wait for a checkpoint',
        timeoutMs: 60_000,
      },
    );
    await cloud.primary.query('checkpoint');
    const end = await cloud.waitForTask(taskArn, { timeoutSeconds: 150 });
    expect(end.exitCode, readFileSync(logFile, 'utf8')).toBe(0);
    members.push(await manifestOf('shop', label));
    expect(members[1]).toMatchObject({ type: 'incremental', chain: [members[0]?.label] });
  });

  test('a role that may makes the checkpoint itself; a differential rests on the full one', async () => {
    await cloud.primary.query('grant pg_checkpoint to holdfast');
    await change('differential');
    const differential = await backUpWell('shop', 'differential');
    expect(differential).toMatchObject({ type: 'differential', chain: [members[0]?.label] });
    await change('incremental');
    const last = await backUpWell('shop', 'incremental');
    expect(last.chain).toEqual([members[0]?.label, differential.label]);
    expect(last.base.bytes).toBeLessThan((members[0]?.base.bytes ?? 0) / 4);
    members.splice(1, 1, differential, last);
    await cloud.primary.query('revoke pg_checkpoint from holdfast');

    const until = new Date(last.lock.retainUntil).getTime();
    for (const manifest of members) {
      expect(await locksOf({ ...manifest, key: manifestKey('shop', manifest.label) })).toBe(until);
    }
    expect(new Date(members[0]?.lock.retainUntil ?? '').getTime()).toBeLessThan(until);
  });

  test('combined by hand they are a server with the same rows', async () => {
    await expectSameRows('combined', await combineBases(cloud, members, 'combined'));
  });

  test('on a primary where nothing is written, the last backup is the one that was asked for', async () => {
    await cloud.standby.query('select pg_wal_replay_pause()');
    try {
      const parent = await backUpWell('shop');
      const end = await backUp('shop', 'incremental');
      expect(end.exitCode, readFileSync(end.logFile, 'utf8')).toBe(0);
      expect(eventsOf(end).at(-1)).toMatchObject({
        event: 'unchanged since parent',
        parent: parent.label,
      });
      expect((await cloud.holdfast(['show', end.label, '--cluster', 'shop'])).exitCode).toBe(2);
    } finally {
      await cloud.standby.query('select pg_wal_replay_resume()');
    }
  });

  test('a full one is taken where there is no parent, and where the chain is long enough', async () => {
    const first = await backUpWell('short-chain', 'incremental');
    expect(first).toMatchObject({ type: 'full', chain: [], source: { role: 'primary' } });
    expect(first.warnings).toContain(
      'A full backup was taken, and not the incremental one asked for: there is no base backup to rest on.',
    );
    const second = await backUpWell('short-chain', 'incremental');
    expect(second).toMatchObject({
      type: 'incremental',
      chain: [first.label],
      compression: 'none',
    });
    const third = await backUpWell('short-chain', 'incremental');
    expect(third).toMatchObject({ type: 'full', chain: [] });
    expect(third.warnings[0]).toContain('no chain is longer than 1');
  });
});

describe('a server that goes while it is copied', () => {
  const openUploads = async (label: string) => {
    const { Uploads = [] } = await cloud.s3.send(
      new ListMultipartUploadsCommand({ Bucket: cloud.bucket }),
    );
    return Uploads.filter(({ Key = '' }) => Key.includes(label));
  };
  const isCopied = async ({ query }: PostgresServer) => {
    const { rows } = await query('select phase from pg_stat_progress_basebackup');
    return rows.some(({ phase }) => phase === 'streaming database files');
  };
  /** Begins a backup that takes the servers in this order, and waits until it is in the middle. */
  const begin = async (servers: readonly [PostgresServer, ...PostgresServer[]]) => {
    const uris = servers.map((server) => server.uriFor(BACKUP_ROLE));
    await cloud.putSecret('short-chain', JSON.stringify({ uris, ca: cloud.certificates.caPem }));
    // Of some 85 MiB, so that it lasts for seconds, whatever the machine does.
    const slowly = { maxRateMiBPerSecond: 10, allowPrimary: servers.includes(cloud.primary) };
    cloud.giveTasks({ environment: changedOptions(cloud, 'short-chain', () => slowly) });
    const { taskArn, label } = await ask('short-chain', 'full');
    cloud.giveTasks({});
    await waitUntil(
      async () => (await openUploads(label)).length > 0 && (await isCopied(servers[0])),
      { what: 'the backup to be in the middle', timeoutMs: 120_000 },
    );
    return async () => ({
      label,
      ...(await cloud.waitForTask(taskArn, { timeoutSeconds: 150 })),
    });
  };
  /** It may be tried again, says why, and nobody will ever find anything of it. */
  const expectFailed = async (end: TaskEnd & { label: string }, failure: object) => {
    expect(eventsOf(end).at(-1)).toMatchObject({
      ...{ event: 'task failed', retryable: true, ...failure },
    });
    expect(end.exitCode).toBe(ExitCode.SourceUnavailable);
    const shown = await cloud.holdfast(['show', end.label, '--cluster', 'short-chain']);
    expect(shown.exitCode).toBe(ExitCode.Usage);
    expect(await openUploads(end.label)).toEqual([]);
  };

  test('the primary that serves is killed: the run fails, and leaves nothing', async () => {
    const finished = await begin([cloud.primary]);
    await cloud.primary.crash(async () => {
      await expectFailed(await finished(), {
        code: 'SOURCE_UNREACHABLE',
        // It looks for its other process, which follows WAL, between two messages.
        message: expect.stringMatching(
          /^pg_basebackup ended with .*(could not read COPY data|background process terminated)/,
        ),
        hint: expect.stringContaining('run the backup again'),
      });
    });
  });

  test('the primary is killed while its standby serves, which goes on: the next run', async () => {
    const finished = await begin([cloud.standby, cloud.primary]);
    await cloud.primary.crash(async () => {
      expect(await isCopied(cloud.standby)).toBe(true);
      const end = await finished();
      const { label, exitCode, logFile } = end;
      expect(exitCode, readFileSync(logFile, 'utf8')).toBe(0);
      // It took seconds, and has said how far it had come.
      expect(eventsOf(end)).toContainEqual(
        expect.objectContaining({
          ...{ event: 'base backup progress', phase: 'streaming database files' },
          ...{ totalBytes: expect.any(Number), percent: expect.any(Number) },
        }),
      );
      expect(await manifestOf('short-chain', label)).toMatchObject({
        ...{ attempts: 1, wal: 'stream', source: { role: 'replica' }, stop: { timeline: 1 } },
      });
    });
  });

  test('the standby that serves is promoted: refused at the end, and well on the new timeline', async () => {
    const promoted = await cloud.startStandby('promoted');
    const finished = await begin([promoted]);
    await promoted.query('select pg_promote()');
    await expectFailed(await finished(), {
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining('promoted'),
      hint: expect.stringContaining('Run the backup again'),
    });
    expect(await backUpWell('short-chain')).toMatchObject({
      source: { role: 'primary', port: promoted.port, timeline: 2 },
      ...{ start: { timeline: 2 }, stop: { timeline: 2 } },
    });
  });
});

test('a page with a wrong checksum: published at once as damaged, told as a failure, never a parent', async () => {
  const { rows } = await cloud.standby.query(`select pg_relation_filepath('in_cold') as path`, {
    database: 'shop',
  });
  const { path } = rows[0] as { path: string };
  await cloud.standby.exec([
    ...['bash', '-c', 'printf rotten | dd of="$1" bs=1 seek=26000 conv=notrunc', 'bash'],
    `${DATA}/${path}`,
  ]);
  const end = await backUp('by-server');
  expect(end.exitCode, readFileSync(end.logFile, 'utf8')).toBe(ExitCode.SourceDamaged);
  const events = eventsOf(end);
  expect(events.at(-1)).toMatchObject({ code: 'SOURCE_DAMAGED', retryable: false });
  const names = events.map(({ event }) => event);
  expect(names.indexOf('pages of the source are damaged')).toBeLessThan(
    names.indexOf('backup published'),
  );
  const manifest = await manifestOf('by-server', end.label);
  expect(manifest.damage).toEqual([
    { file: path, found: expect.stringMatching(/block 3: calculated/) },
  ]);
  const next = await backUp('by-server', 'incremental');
  expect(await manifestOf('by-server', next.label)).toMatchObject({
    type: 'full',
    warnings: expect.arrayContaining([expect.stringContaining(`${end.label} is damaged`)]),
  });
});
