import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  clientEnvironment,
  parseTargetUri,
} from '../../containers/runner/restore/target-connection.ts';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { makeClientWrappers } from '../containers/restore/client-wrappers.ts';
import { dataOf, dumpable, propertiesOf, schemaOf } from '../local-cloud/compare-databases.ts';
import { createLibrary, LIBRARY, prepareTablespace } from '../local-cloud/library.ts';
import { type LocalCloud, startLocalCloud } from '../local-cloud/local-cloud.ts';
import { PHYSICAL_RECIPES, recipe, recipes, withValues } from '../local-cloud/recipe.ts';
import { rewriteBackup } from '../local-cloud/rewrite-backup.ts';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';
import { STOCK_TOOLS } from '../local-cloud/stock-tools.ts';

const REWRITTEN = {
  label: '20200101T030000Z-logical-full-5b11f7',
  database: LIBRARY,
  cutEvery: 2_000_000,
} as const;
const FORGED_LABEL = '20200101T030000Z-logical-full-f04ed0';

let cloud: LocalCloud;
let databases: readonly string[];
/** Knows nothing but what the recipes told it. */
let fresh: PostgresServer;
let clients: string;

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-formats' });
  const made = await createLibrary(cloud, 17);
  // PostgreSQL's own programs do not find it again; the document says so.
  await cloud.primary.query('alter database "Straße" rename to "street"');
  await cloud.standby.waitForReplay();
  databases = made.map((name) => (name === 'Straße' ? 'street' : name));
  clients = await makeClientWrappers({ id: cloud.run, directory: cloud.directory });
  fresh = await startTarget('fresh');
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

async function startTarget(name: string): Promise<PostgresServer> {
  const server = await cloud.startEmptyServer(name);
  await prepareTablespace(server);
  return server;
}

async function backUp(cluster: string): Promise<LogicalManifest> {
  const functionName = startTaskFunctionName('local-formats');
  const asked = { action: 'backup', cluster, kind: 'logical' };
  const { payload } = await cloud.invoke(functionName, asked);
  const { taskArn, label } = StartTaskAnswer.parse(payload);
  const { exitCode } = await cloud.waitForTask(taskArn, { timeoutSeconds: 180 });
  expect(exitCode).toBe(0);
  const { stdout } = await cloud.holdfast(['show', label, '--cluster', cluster, '--json']);
  return (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest;
}

/** Runs the document's commands as somebody who has the restore role and these programs, and nothing of ours. */
async function run(
  { cluster, label }: Pick<LogicalManifest, 'cluster' | 'label'>,
  names: readonly string[],
  target: PostgresServer,
) {
  const directory = join(cloud.directory, `${label}-${names.join('-')}`);
  await mkdir(directory);
  const { environment } = cloud.principals.restore;
  const script = [
    withValues({
      REGION: cloud.region,
      ENVIRONMENT: cloud.environment,
      BUCKET: cloud.bucket,
      CLUSTER: cluster,
      LABEL: label,
      DATABASE: LIBRARY,
    }),
    ...['manifest', ...names].map(recipe),
  ].join('\n');
  return await execa('bash', ['-c', script], {
    cwd: directory,
    env: {
      ...clientEnvironment(parseTargetUri(target.uri, cloud.caFile)),
      ...environment,
      AWS_CA_BUNDLE: cloud.caFile,
      HOME: directory,
      LC_ALL: 'C.UTF-8',
      PATH: `${clients}:${STOCK_TOOLS}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    },
    extendEnv: false,
    reject: false,
  });
}

async function expectEqual(server: PostgresServer, name: string): Promise<void> {
  expect(await schemaOf(server, name)).toBe(dumpable(await schemaOf(cloud.standby, name)));
  expect(await dataOf(server, name)).toEqual(await dataOf(cloud.standby, name));
  expect(await propertiesOf(server, name)).toEqual(await propertiesOf(cloud.standby, name));
}

async function expectRestored(format: string): Promise<void> {
  await expectEqual(fresh, LIBRARY);
  const quoted = `"${LIBRARY.replaceAll('"', '""')}"`;
  await fresh.query(`alter database ${quoted} rename to "by hand from ${format}"`);
}

test('every block of commands in the document is run', () => {
  const here = ['values', 'manifest', 'globals', 'directory', 'custom', 'plain', 'dumpall'];
  expect([...recipes().keys()]).toEqual([...here, ...PHYSICAL_RECIPES]);
});

describe('in directory format, each stream cut into many artifacts', () => {
  let manifest: LogicalManifest;
  beforeAll(async () => {
    manifest = await rewriteBackup(cloud, await backUp('directory'), REWRITTEN);
  }, 240_000);

  test('the globals and the database come back', async () => {
    const [entry] = manifest.databases;
    if (entry?.format !== 'directory') throw new Error('This is no directory.');
    expect(entry.files.length).toBeGreaterThan(0);
    for (const { artifacts } of entry.files) expect(artifacts.length).toBeGreaterThan(1);
    const { exitCode, stderr } = await run(manifest, ['globals', 'directory'], fresh);
    expect(exitCode, stderr).toBe(0);
    expect(stderr.split('\n').filter((line) => line.includes('ERROR'))).toEqual([
      expect.stringContaining('role "postgres" already exists'),
    ]);
    await expectRestored('directory');
  });

  test('an artifact in the place of another ends it before anything is restored', async () => {
    const forged = await rewriteBackup(cloud, manifest, {
      ...REWRITTEN,
      label: FORGED_LABEL,
      forge: true,
    });
    const { exitCode, stderr } = await run(forged, ['directory'], fresh);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('plain: No such file or directory');
    const { rows } = await fresh.query('select datname from pg_database');
    expect(rows).not.toContainEqual({ datname: LIBRARY });
  });
});

test.each(['custom', 'plain'])('in %s format the database comes back', async (format) => {
  const { exitCode, stderr } = await run(await backUp(format), [format], fresh);
  expect(exitCode, stderr).toBe(0);
  await expectRestored(format);
});

test('all in one: every database comes back', async () => {
  const empty = await startTarget('empty');
  const { exitCode, stderr } = await run(await backUp('dumpall'), ['dumpall'], empty);
  expect(exitCode, stderr).toBe(0);
  expect(stderr.split('\n').filter((line) => line.includes('ERROR'))).toEqual([
    expect.stringContaining('role "postgres" already exists'),
  ]);
  for (const name of databases) await expectEqual(empty, name);
});
