import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { dataOf, dumpable, propertiesOf, schemaOf } from '../local-cloud/compare-databases.ts';
import { createLibrary, LIBRARY } from '../local-cloud/library.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import type { Postgres, PostgresServer } from '../local-cloud/servers/postgres.ts';
import {
  addOddities,
  contentsOf,
  createHeavyTable,
  createShop,
  definitionsOf,
} from '../local-cloud/shop.ts';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-majors' });
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

async function backUp(cluster: string): Promise<{ label: string; end: TaskEnd }> {
  const { payload } = await cloud.fireSchedule(cluster, 'daily');
  const { label, taskArn } = StartTaskAnswer.parse(payload);
  return { label, end: await cloud.waitForTask(taskArn, { timeoutSeconds: 120 }) };
}

interface Backup {
  readonly servers: Pick<Postgres, 'primary' | 'standby'>;
  readonly label: string;
  /** The shop when it was backed up. */
  readonly contents: readonly string[];
}

/** By cluster. */
const backups = new Map<string, Backup>();

function backupOf(cluster: string): Backup {
  const backup = backups.get(cluster);
  if (backup === undefined) throw new Error(`${cluster} has no backup: see the tests before.`);
  return backup;
}

/** Restores the cluster's shop with the programs of another cluster's image. */
function restore(
  cluster: string,
  programs: string,
  target: PostgresServer,
  into: string,
  database = 'shop',
) {
  const { label } = backupOf(cluster);
  const args = ['--cluster', cluster, '--label', label, '--database', database, '--into', into];
  return cloud.holdfast(['restore', ...args], {
    cluster: programs,
    env: { HOLDFAST_RESTORE_URI: target.uri },
  });
}

function logOf({ logFile }: TaskEnd): string {
  return readFileSync(logFile, 'utf8');
}

describe.each([
  { cluster: 'fifteen', major: 15, compression: 'gzip:1', suffix: '.gz' },
  { cluster: 'eighteen', major: 18, compression: 'zstd:1', suffix: '.zst' },
])('PostgreSQL $major', ({ cluster, major, compression, suffix }) => {
  let postgres: Postgres;
  let label: string;
  let end: TaskEnd;

  beforeAll(async () => {
    postgres = await cloud.startSource(cluster);
    await createShop(postgres.primary);
    await addOddities(postgres.primary, 'shop');
    await createHeavyTable(postgres.primary, 'shop');
    await createLibrary(postgres, major);
    await postgres.standby.waitForReplay();
    const contents = await contentsOf(postgres.primary, 'shop');
    ({ label, end } = await backUp(cluster));
    backups.set(cluster, { servers: postgres, label, contents });
  }, 240_000);

  test('is backed up from its standby, with programs of its own major', async () => {
    expect(end.exitCode, logOf(end)).toBe(0);
    const args = ['show', label, '--cluster', cluster, '--json'];
    const { exitCode, stdout, stderr } = await cloud.holdfast(args, { cluster });
    expect(exitCode, stderr).toBe(0);
    const { manifest } = JSON.parse(stdout) as { manifest: LogicalManifest };
    expect(manifest.source).toMatchObject({ role: 'replica', port: postgres.standby.port });
    expect(manifest.source.serverVersion).toMatch(`${major}.`);
    expect(manifest.versions.pgDump).toMatch(`${major}.`);
    const shop = manifest.databases.find(({ name }) => name === 'shop');
    if (shop?.format !== 'directory') throw new Error('the backup has no directory of shop');
    expect(shop).toMatchObject({ compression, contents: { tableData: 6, largeObjects: 2 } });
    const data = shop.pack.files.filter((name) => /^\d+\.dat/.test(name));
    expect(data.length).toBe(5);
    // Big enough to be loaded while it is fetched.
    expect(shop.files.map(({ name }) => name)).toEqual([
      expect.stringMatching(`^\\d+\\.dat\\${suffix}$`),
    ]);
    expect(data.every((name) => name.endsWith(suffix))).toBe(true);
    expect(manifest.warnings).toEqual([]);
  });

  test('is in the catalog', async () => {
    const args = ['list', '--cluster', cluster, '--json'];
    const { stdout, stderr } = await cloud.holdfast(args, { cluster });
    expect(stdout, stderr).toContain(label);
  });

  test('comes back beside the original, equal', async () => {
    const { exitCode, stderr } = await restore(cluster, cluster, postgres.primary, 'shop_copy');
    expect(exitCode, stderr).toBe(0);
    expect(await contentsOf(postgres.primary, 'shop_copy')).toEqual(backupOf(cluster).contents);
    const keys = await definitionsOf(postgres.primary, 'shop_copy');
    expect(keys).toEqual(await definitionsOf(postgres.primary, 'shop'));
    expect(keys.length).toBeGreaterThan(10);
  });

  test('one of everything comes back, equal', async () => {
    const { primary, standby } = postgres;
    const { exitCode, stderr } = await restore(cluster, cluster, primary, 'copy', LIBRARY);
    expect(exitCode, stderr).toBe(0);
    expect(await schemaOf(primary, 'copy')).toBe(dumpable(await schemaOf(standby, LIBRARY)));
    expect(await dataOf(primary, 'copy')).toEqual(await dataOf(standby, LIBRARY));
    expect(await propertiesOf(primary, 'copy')).toEqual(await propertiesOf(standby, LIBRARY));
  });
});

describe('from one major to another', () => {
  test('a backup of 15 comes back in 18, equal', async () => {
    const { primary } = backupOf('eighteen').servers;
    const { exitCode, stderr } = await restore('fifteen', 'eighteen', primary, 'from_15');
    expect(exitCode, stderr).toBe(0);
    // Owners have one right more since 17: MAINTAIN.
    const expected = backupOf('fifteen').contents.map((line) =>
      line.replace('arwdDxt/', 'arwdDxtm/'),
    );
    expect(await contentsOf(primary, 'from_15')).toEqual(expected);
  });

  test('a backup of 18 is not restored into 15', async () => {
    const { primary } = backupOf('fifteen').servers;
    const { exitCode, stderr } = await restore('eighteen', 'eighteen', primary, 'from_18');
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect(stderr).toContain('Restore into a server of PostgreSQL 18 or later.');
  });

  test('a backup of 15 is not restored into 15 with the programs of 18, which it would not understand', async () => {
    const { primary } = backupOf('fifteen').servers;
    const { exitCode, stderr } = await restore('fifteen', 'eighteen', primary, 'with_18');
    expect(exitCode, stderr).toBe(ExitCode.Configuration);
    expect(stderr).toContain('A pg_restore of PostgreSQL 15 to 16 is needed');
    expect(stderr).toContain('Run the command in the backup image of PostgreSQL 15');
  });

  test('a backup of 18 is not restored with the programs of 15', async () => {
    const { primary } = backupOf('eighteen').servers;
    const { exitCode, stderr } = await restore('eighteen', 'fifteen', primary, 'with_15');
    expect(exitCode).toBe(ExitCode.Configuration);
    expect(stderr).toContain('Run the command in the backup image of PostgreSQL 18');
  });
});

test('a cluster of another major than it is configured for is refused, naming the right image', async () => {
  await cloud.connectSource('mistaken', cloud);
  const { label, end } = await backUp('mistaken');
  expect(end.exitCode, logOf(end)).toBe(ExitCode.SourceRefused);
  const failure = logOf(end)
    .split('\n')
    .find((line) => line.includes('"task failed"'));
  expect(JSON.parse(failure ?? '{}')).toMatchObject({
    code: 'SOURCE_VERSION',
    message: expect.stringContaining('runs PostgreSQL 15; this image is for 17.'),
    hint: expect.stringContaining('postgres:15.20-trixie'),
  });
  const { stdout } = await cloud.holdfast(['list', '--cluster', 'mistaken', '--json']);
  expect(stdout).not.toContain(label);
});
