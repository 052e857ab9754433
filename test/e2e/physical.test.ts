import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import { readStream } from '../local-cloud/read-stream.ts';
import { startOnBase, unpackBase } from '../local-cloud/restore-base.ts';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';
import { contentsOf, createBulk, createShop } from '../local-cloud/shop.ts';

/** Where tablespaces lie on both servers; the blank is what a script would trip over. */
const TABLESPACES = { cold: '/var/lib/postgresql/cold', warm: '/var/lib/postgresql/warm shelf' };

let cloud: LocalCloud;

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-base' });
  await createShop(cloud.primary);
  // More than the spool holds.
  await createBulk(cloud.primary, 20);
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
  await cloud.standby.waitForReplay();
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

async function backUp(
  cluster: string,
  type: PhysicalManifest['type'] = 'full',
): Promise<TaskEnd & { label: string }> {
  const answer = await cloud.invoke(startTaskFunctionName('local-base'), {
    action: 'backup',
    cluster,
    kind: 'physical',
    type,
  });
  const { taskArn, label } = StartTaskAnswer.parse(answer.payload);
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

describe('a full base backup', () => {
  test('from a standby under load, with its WAL, starts as a server with the same rows', async () => {
    const manifest = await backUpWell('shop');
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
    const server = await startOnBase(
      cloud,
      'by-hand',
      await unpackBase(cloud, manifest, 'by-hand'),
    );
    try {
      for (const database of ['shop', 'bulk']) {
        expect(await contentsOf(server, database)).toEqual(
          await contentsOf(cloud.standby, database),
        );
      }
    } finally {
      await server.stop();
    }
  });
});
