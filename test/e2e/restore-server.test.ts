import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerResult } from '../../containers/runner/restore/restore-request.ts';
import { restoreRoleName } from '../../contract/environment-names.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { manifestKey } from '../../contract/vault-keys.ts';
import type { HoldfastOptions } from '../local-cloud/holdfast-command.ts';
import { type LocalCloud, startLocalCloud } from '../local-cloud/local-cloud.ts';
import { podman } from '../local-cloud/servers/container.ts';
import { type PostgresServer, startLoneServer } from '../local-cloud/servers/postgres.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { addOddities, contentsOf, createShop } from '../local-cloud/shop.ts';

let cloud: LocalCloud;
let fresh: PostgresServer;
let contents: string[];
/** What `holdfast backup` printed. */
let taken: { readonly label: string; readonly manifest: LogicalManifest };

beforeAll(async () => {
  cloud = await startLocalCloud();
  const { primary, standby } = cloud;
  await createShop(primary);
  await addOddities(primary, 'shop');
  await primary.query('create database "News; letter" owner shop_reader');
  await primary.query('create table issue (n int primary key); insert into issue values (1), (2)', {
    database: 'News; letter',
  });
  await primary.query(`alter role shop_reader login connection limit 5;
    alter role shop_reader set statement_timeout = '9s';
    alter role shop_reader in database shop set work_mem = '6MB';
    grant shop_reader to shop_owner with admin option`);
  // In a tablespace that a target may have on a small disk of its own.
  for (const server of [primary, standby]) {
    await server.exec(['mkdir', '-p', '/var/lib/postgresql/small/space']);
  }
  await primary.query("create tablespace small location '/var/lib/postgresql/small/space'");
  await primary.query('create database crowded tablespace small');
  await primary.query(
    `create table noise as select i, (select string_agg(md5(random()::text), '')
       from generate_series(1, 31) j where i > 0) from generate_series(1, 12000) i`,
    { database: 'crowded' },
  );
  await standby.waitForReplay();
  contents = await contentsOf(primary, 'shop');
  const args = ['backup', '--cluster', 'orders', '--kind', 'logical'];
  const { exitCode, stdout, stderr } = await cloud.holdfast([...args, '--json'], {
    env: cloud.principals.admin.environment,
  });
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain('task STOPPED');
  taken = JSON.parse(stdout) as { label: string; manifest: LogicalManifest };
  fresh = await cloud.startEmptyServer('fresh');
  await fresh.query('create role "Odd ""Reader"');
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

function restore(args: readonly string[], options: HoldfastOptions = {}) {
  return cloud.holdfast(['restore', '--cluster', 'orders', ...args], {
    env: { HOLDFAST_RESTORE_URI: fresh.uri },
    ...options,
  });
}

/** Databases with their object ids: equal answers, untouched databases. */
async function databases(): Promise<Record<string, number>> {
  const { rows } = await fresh.query(
    `select datname, oid::int from pg_database where not datistemplate order by 1`,
  );
  return Object.fromEntries(
    rows.map((row: { datname: string; oid: number }) => [row.datname, row.oid]),
  );
}

async function ask(sql: string): Promise<unknown[]> {
  const { rows } = await fresh.query(sql);
  return rows.map((row: object) => Object.values(row)[0]);
}

/**
 * Starts a restore of everything, and holds it where it grants something to a role that only the shop
 * knows: the other databases are built by then. Nothing of it is left when `meanwhile` is over.
 */
async function interrupt(meanwhile: (container: string) => Promise<void>): Promise<number> {
  const session = new pg.Client({ connectionString: fresh.uri });
  await session.connect();
  const container = `holdfast-${cloud.run}-interrupted`;
  try {
    await session.query('begin; drop role "Odd ""Reader"');
    const running = restore(['--all'], { container });
    await waitUntil(
      async () =>
        (
          await ask(`select count(*)::int from pg_locks where not granted
                       and classid = 'pg_authid'::regclass`)
        )[0] === 1,
      { what: 'the restore to wait for our lock', timeoutMs: 120_000, intervalMs: 50 },
    );
    expect(
      Object.keys(await databases()).filter((name) => name.startsWith('holdfast_')),
    ).toHaveLength(4);
    await meanwhile(container);
    await session.query('rollback');
    return (await running).exitCode;
  } finally {
    await session.end();
  }
}

describe('a backup on demand', () => {
  test('is seen to its end, and is the latest one', async () => {
    expect(taken.manifest.request.askedBy).toMatchObject({ by: 'person' });
    const { stdout } = await cloud.holdfast(['list', '--cluster', 'orders', '--json']);
    const { backups } = JSON.parse(stdout) as { backups: { label: string }[] };
    expect(backups.map(({ label }) => label)).toEqual([taken.label]);
  });

  test('is refused to who may only restore, and for a cluster that is not there', async () => {
    const denied = await cloud.holdfast(['backup', '--cluster', 'orders', '--no-wait']);
    expect(denied.exitCode).toBe(ExitCode.Configuration);
    expect(denied.stderr).toContain('lambda:InvokeFunction');
    const unknown = await cloud.holdfast(['backup', '--cluster', 'nope'], {
      env: cloud.principals.admin.environment,
    });
    expect(unknown.exitCode).toBe(ExitCode.Usage);
    expect(unknown.stderr).toContain('CLUSTER_UNKNOWN');
  });
});

describe('a whole server', () => {
  test('that is told to stop leaves nothing behind but roles', async () => {
    const before = (await databases()).postgres;
    const exitCode = await interrupt(async (container) => {
      await podman(['kill', '--signal', 'INT', container]);
    });
    expect(exitCode).toBe(ExitCode.Terminated);
    expect(await databases()).toEqual({ postgres: before });
  });

  test('that is killed in the middle has changed no database', async () => {
    const before = await databases();
    await interrupt(async (container) => {
      await podman(['kill', '--signal', 'KILL', container]);
    });
    const after = await databases();
    expect(Object.keys(after).filter((name) => !name.startsWith('holdfast_'))).toEqual([
      'postgres',
    ]);
    expect(after.postgres).toBe(before.postgres);
  });

  test('comes back on an empty one: databases, owners, grants, settings, roles', async () => {
    // Its lock goes with the killed one's session.
    await waitUntil(
      async () =>
        (
          await ask(`select count(*)::int from pg_stat_activity
                     where application_name = 'holdfast restore'`)
        )[0] === 0,
      { what: 'the killed restore to be gone', timeoutMs: 60_000 },
    );
    const { exitCode, stdout, stderr } = await restore(['--all', '--json']);
    expect(exitCode, stderr).toBe(0);
    const result = JSON.parse(stdout) as ServerResult;
    expect(result.databases.map(({ name }) => name).sort()).toEqual([
      'News; letter',
      'crowded',
      'postgres',
      'shop',
    ]);
    expect(result.databases.flatMap(({ notRestored }) => notRestored)).toEqual([]);
    // The runs that were interrupted had made the roles.
    expect(result.roles).toMatchObject({
      created: [],
      notRestored: [expect.objectContaining({ what: 'tablespace small' })],
    });
    expect(await contentsOf(fresh, 'shop')).toEqual(contents);
    expect(Object.keys(await databases())).toEqual(['News; letter', 'crowded', 'postgres', 'shop']);
    expect(
      await ask(`select format('%s %s %s', rolname, rolcanlogin, rolconnlimit) from pg_roles
                  where rolname in ('shop_reader', 'holdfast') order by 1`),
    ).toEqual(['holdfast t -1', 'shop_reader t 5']);
    expect(
      await ask(`select format('%s %s %s', setrole::regrole, datname, setconfig)
                   from pg_db_role_setting left join pg_database d on d.oid = setdatabase
                  where setrole <> 0 order by 1`),
    ).toEqual(['shop_reader  {statement_timeout=9s}', 'shop_reader shop {work_mem=6MB}']);
    expect(
      await ask(`select format('%s in %s, %s', member::regrole, roleid::regrole, admin_option)
                   from pg_auth_members where member = 'shop_owner'::regrole`),
    ).toEqual(['shop_owner in shop_reader, t']);
  });

  test('once more over itself is refused before anything is touched', async () => {
    const before = await databases();
    const { exitCode, stderr } = await restore(['--all']);
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect(stderr).toContain(
      'The target has databases of these names: News; letter, crowded, postgres, shop.',
    );
    expect(stderr).toContain('--replace');
    expect(await databases()).toEqual(before);
  });

  test('with --replace takes their places, and keeps the old ones under other names', async () => {
    const before = await databases();
    await fresh.query('drop table "Order" cascade', { database: 'shop' });
    await fresh.query('create role shop_visitor; revoke shop_reader from shop_owner');
    const { exitCode, stdout, stderr } = await restore(['--all', '--replace']);
    expect(exitCode, stderr).toBe(0);
    expect(await contentsOf(fresh, 'shop')).toEqual(contents);
    const after = await databases();
    expect(Object.keys(after).filter((name) => !name.includes('_before_'))).toEqual(
      Object.keys(before),
    );
    for (const [name, oid] of Object.entries(before)) {
      const [kept = ''] = Object.keys(after).filter((one) => one.startsWith(`${name}_before_`));
      expect(after[kept]).toBe(oid);
      expect(stdout).toContain(`DROP DATABASE "${kept}";`);
      await fresh.query(`drop database "${kept}"`);
    }
    expect(stdout).toContain('Roles that were there, left as they are: ');
    expect(stdout).toContain('Not restored: membership of shop_owner in shop_reader');
  });

  test('or several databases of it come back together, without roles', async () => {
    await fresh.query('drop database shop');
    await fresh.query('drop database "News; letter"');
    const chosen = ['--database', 'shop', '--database', 'News; letter'];
    const { exitCode, stdout, stderr } = await restore([...chosen, '--json']);
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).not.toHaveProperty('roles');
    expect(await contentsOf(fresh, 'shop')).toEqual(contents);
    const again = await restore(['--database', 'nope', '--database', 'shop', '--replace']);
    expect(again.exitCode).toBe(ExitCode.Usage);
    expect(again.stderr).toContain('The backup holds no database "nope".');
  });
});

describe('a database in use', () => {
  test('gets lost tables beside what is there, and the lines that bring them back work', async () => {
    const use = (sql: string) => fresh.query(sql, { database: 'shop' });
    await use(`drop table "Order" cascade; delete from customer where id % 2 = 0`);
    const before = await contentsOf(fresh, 'shop');
    const tables = ['--table', 'public.Order', '--table', 'customer', '--table', 'big_spender'];
    const args = ['--database', 'shop', ...tables, '--rescue', '--into', 'shop'];
    const { exitCode, stdout, stderr } = await restore(args);
    expect(exitCode, stderr).toBe(0);
    const [schema = ''] = /restored_\d{8}_[0-9a-f]{6}/.exec(stdout) ?? [];
    expect(stdout).toContain(`Rescued 2 tables of "shop" into the schema ${schema} of "shop"`);
    expect(stdout).toContain(`  ${schema}."Order": 50000 rows, of public."Order"\n`);
    const there = await contentsOf(fresh, 'shop');
    expect(there).toEqual(expect.arrayContaining(before));
    const again = await restore(args);
    expect(again.exitCode).toBe(ExitCode.RestoreRefused);
    expect(again.stderr).toContain(`DROP SCHEMA ${schema} CASCADE`);
    expect(await contentsOf(fresh, 'shop')).toEqual(there);
    expect(Object.keys(await databases())).not.toContainEqual(
      expect.stringMatching(/^holdfast_restore/),
    );
    const [, next = ''] = stdout.split('of these what you need:\n');
    await use(`begin; ${next} commit`);
    expect(await contentsOf(fresh, 'shop')).toEqual(contents);
  });
});

describe('what stands in the way', () => {
  /** Nothing was made, nothing was lost. */
  async function expectRefused(
    args: readonly string[],
    { exitCode, says }: { readonly exitCode: number; readonly says: RegExp },
    options: HoldfastOptions = {},
  ): Promise<void> {
    const before = await databases();
    const result = await restore(args, options);
    expect(result.stderr).toMatch(says);
    expect(result.exitCode).toBe(exitCode);
    expect(await databases()).toEqual(before);
  }

  test('an artifact whose bytes were changed is named, and nothing is half restored', async () => {
    const shop = taken.manifest.databases.find(({ name }) => name === 'shop');
    if (shop?.format !== 'directory') throw new Error('the backup has no directory of shop');
    const [artifact = ''] = shop.pack.artifacts;
    const key = taken.manifest.artifacts.find(({ name }) => name === artifact)?.key ?? '';
    // Behind the S3 server's back, as a disk would.
    const { stdout } = await execa('find', [cloud.directory, '-type', 'f', '-path', `*/${key}`]);
    expect(stdout.split('\n')).toHaveLength(1);
    const bytes = await readFile(stdout);
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    await writeFile(stdout, changed);
    try {
      const says = new RegExp(`VAULT_INTEGRITY: .*${artifact}`);
      const exitCode = ExitCode.VaultIntegrity;
      await expectRefused(['--all', '--replace'], { exitCode, says });
    } finally {
      await writeFile(stdout, bytes);
    }
  });

  test('a key that may not be used is named', async () => {
    const giveBack = await cloud.withoutPermission(restoreRoleName('local'), 'kms:Decrypt');
    try {
      const exitCode = ExitCode.VaultDenied;
      await expectRefused(['--all', '--replace'], {
        exitCode,
        says: /VAULT_DENIED: .*kms:Decrypt/,
      });
    } finally {
      await giveBack();
    }
  });

  test('a manifest of a newer format is refused by its version, and the list still works', async () => {
    const label = '20200101T000000Z-logical-full-000000';
    const Body = JSON.stringify({ ...taken.manifest, label, version: 2 });
    await cloud.s3.send(
      new PutObjectCommand({ Bucket: cloud.bucket, Key: manifestKey('orders', label), Body }),
    );
    const says = new RegExp(`MANIFEST_INVALID: .*${label}.json is a manifest of version 2`);
    const exitCode = ExitCode.VaultIntegrity;
    await expectRefused(['--all', '--label', label], { exitCode, says });
    const { exitCode: listed, stdout } = await cloud.holdfast(['list', '--cluster', 'orders']);
    expect(listed).toBe(0);
    expect(stdout).toContain(label);
    expect(stdout).toContain(taken.label);
  });

  test('a table that is not in the backup is told with names that are near', async () => {
    const args = ['--database', 'shop', '--into', 'rescued', '--table', 'public.custmer'];
    const says = /TABLE_UNKNOWN: .*public.custmer[\s\S]*It holds public.customer/;
    await expectRefused(args, { exitCode: ExitCode.Usage, says });
  });

  test('a staging directory that is too small is refused', async () => {
    const disk = join(cloud.directory, 'small-staging');
    await mkdir(disk);
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=1777', 'tmpfs', disk]);
    try {
      await expectRefused(
        ['--database', 'shop', '--into', 'x', '--staging', '/staging'],
        { exitCode: ExitCode.RestoreRefused, says: /bytes in \/staging, where \d+ are free/ },
        { volumes: [`${disk}:/staging`] },
      );
      const all = await restore(['--all', '--replace', '--staging', '/staging'], {
        volumes: [`${disk}:/staging`],
      });
      expect(all.exitCode).toBe(ExitCode.RestoreRefused);
      expect(all.stderr).toContain('bytes in /staging, where');
      expect(all.stderr).not.toContain('Database 1 of');
    } finally {
      await execa('umount', ['--lazy', disk]);
    }
  });

  test('a disk of the target that fills up fails it whole; with more room it succeeds', async () => {
    const disk = join(cloud.directory, 'small-target');
    await mkdir(disk);
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=1777', 'tmpfs', disk]);
    const { directory, certificates } = cloud;
    const small = await startLoneServer(
      { run: { id: cloud.run, directory }, certificates },
      'small',
      [`${disk}:/var/lib/postgresql/small`],
    );
    try {
      await small.exec(['mkdir', '/var/lib/postgresql/small/space']);
      await small.query("create tablespace small location '/var/lib/postgresql/small/space'");
      await small.query('create role "Odd ""Reader"');
      const env = { HOLDFAST_RESTORE_URI: small.uri };
      const failed = await restore(['--all'], { env });
      expect(failed.exitCode, failed.stderr).toBe(ExitCode.RestoreFailed);
      expect(failed.stderr).toContain('No space left on device');
      const there = () =>
        small.query(`select datname from pg_database where not datistemplate order by 1`);
      expect((await there()).rows).toEqual([{ datname: 'postgres' }]);
      await execa('mount', ['-o', 'remount,size=256m', disk]);
      const again = await restore(['--all'], { env });
      expect(again.exitCode, again.stderr).toBe(0);
      expect((await there()).rows).toHaveLength(4);
    } finally {
      await small.stop();
      await execa('umount', ['--lazy', disk]);
    }
  });
});
