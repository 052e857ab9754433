import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { restoreDatabase } from '../../../containers/runner/restore/restore-database.ts';
import type { Progress } from '../../../containers/runner/restore/restore-progress.ts';
import type {
  RestoreRequest,
  RestoreResult,
} from '../../../containers/runner/restore/restore-request.ts';
import { parseTargetUri } from '../../../containers/runner/restore/target-connection.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import type { LogicalManifest } from '../../../contract/logical-manifest.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { podman } from '../../local-cloud/servers/container.ts';
import { type Postgres, startPostgres } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { rawDataKeys } from '../../vault/example-message.ts';
import { type FakeS3, startFakeS3 } from '../../vault/fake-s3.ts';
import { makeClientWrappers } from './client-wrappers.ts';
import { dumpDatabase, putExampleBackup } from './example-backup.ts';

const SOURCE = 'sh op';
/** Its value may be a secret. */
const SETTING = `ALTER ROLE "Odd ""Reader" IN DATABASE "${SOURCE}" SET "app.secret"`;
const BROKEN_LABEL = '20261121T030000Z-logical-full-7f3a9c';
const FILL = `
  CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
  INSERT INTO t (v) SELECT md5(i::text) FROM generate_series(1, 50000) i;
  CREATE TABLE "we""ird\nname" (a int REFERENCES t);
  INSERT INTO "we""ird\nname" SELECT i FROM generate_series(1, 100) i;
  ALTER TABLE t OWNER TO shop;
  CREATE POLICY readers ON t TO "Odd ""Reader" USING (true);
  COMMENT ON POLICY readers ON t IS 'who may read';
  GRANT SELECT ON t TO "Odd ""Reader";
  SELECT lo_from_bytea(0, 'hello');`;

const FAR_LABEL = '20261122T030000Z-logical-full-7f3a9c';
/** What lies on another server, and what is made of it. */
const FAR = `
  CREATE EXTENSION file_fdw;
  CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
  CREATE FOREIGN TABLE far (id int) SERVER files OPTIONS (filename '/tmp/far.csv');
  CREATE MATERIALIZED VIEW far_ones AS SELECT * FROM far;
  CREATE INDEX ON far_ones (id);
  CREATE MATERIALIZED VIEW last_of_far AS SELECT max(id) FROM far_ones;
  CREATE TABLE own AS SELECT generate_series(1, 100) AS id;
  CREATE MATERIALIZED VIEW own_ones AS SELECT * FROM own;
  CREATE TABLE parent AS SELECT 1 AS id;
  ALTER FOREIGN TABLE far INHERIT parent;
  CREATE EXTENSION jobs;
  INSERT INTO jobs.job VALUES (1, 'vacuum');
  GRANT USAGE ON SCHEMA jobs TO shop;
  GRANT SELECT ON jobs.job TO shop;
  CREATE EXTENSION pg_cron;
  INSERT INTO cron.job VALUES (1, 'vacuum');
  GRANT USAGE ON SCHEMA cron TO shop;
  GRANT SELECT ON cron.job TO shop;
  CREATE VIEW planned AS SELECT * FROM cron.job;
  COMMENT ON VIEW planned IS 'what is done when';`;
/** Extensions that make schemas of their own, in which people write rows; the second refuses copies, as pg_cron does. */
const EXTENSIONS = {
  'jobs.control': "default_version = '1'\nschema = pg_catalog\n",
  'jobs--1.sql': `CREATE SCHEMA jobs;
    CREATE TABLE jobs.job (id int, what text);
    SELECT pg_extension_config_dump('jobs.job', '');\n`,
  'pg_cron.control': "default_version = '1'\nschema = pg_catalog\n",
  'pg_cron--1.sql': `DO $$ BEGIN
      IF current_database() <> 'near' THEN RAISE 'can only create extension in database near'; END IF;
    END $$;
    CREATE SCHEMA cron;
    CREATE TABLE cron.job (id int, what text);
    SELECT pg_extension_config_dump('cron.job', '');\n`,
};

let run: Run;
let postgres: Postgres;
let fake: FakeS3;
let good: LogicalManifest;
let broken: LogicalManifest;
let request: Omit<RestoreRequest, 'manifest'>;

beforeAll(async () => {
  run = await startRun();
  const certificates = await makeCertificates(run);
  postgres = await startPostgres({ run, certificates });
  const { primary } = postgres;
  await primary.query('CREATE ROLE shop; CREATE ROLE "Odd ""Reader"');
  await primary.query(`CREATE DATABASE "${SOURCE}" OWNER shop TEMPLATE template0`);
  await primary.query(`COMMENT ON DATABASE "${SOURCE}" IS 'It''s DATABASE x; y';
    ALTER DATABASE "${SOURCE}" SET work_mem = '7MB';
    ALTER ROLE "Odd ""Reader" IN DATABASE "${SOURCE}" SET "app.secret" = 'geheim';
    REVOKE CONNECT ON DATABASE "${SOURCE}" FROM PUBLIC;
    GRANT CONNECT ON DATABASE "${SOURCE}" TO "Odd ""Reader"`);
  await primary.query(FILL, { database: SOURCE });
  const files = await dumpDatabase(primary, SOURCE, run.directory, '-j2 -Z zstd:1');

  fake = await startFakeS3();
  const dataKeys = rawDataKeys();
  const shape = { database: SOURCE, bigFrom: 100_000, cutEvery: 100_000 };
  good = await putExampleBackup(fake, dataKeys, { ...shape, files });
  const toc = Buffer.from(files['toc.dat'] ?? '');
  toc.write('CREATE TABLF', toc.indexOf('CREATE TABLE public.t '));
  broken = await putExampleBackup(fake, dataKeys, {
    ...shape,
    label: BROKEN_LABEL,
    files: { ...files, 'toc.dat': toc },
  });
  request = {
    reader: { vault: fake, dataKeys },
    database: SOURCE,
    target: parseTargetUri(primary.uri, certificates.caFile),
    replace: false,
    noOwner: false,
    jobs: 2,
    staging: join(run.directory, 'staging'),
    pgBin: await makeClientWrappers(run),
    now: () => new Date('2026-11-20T03:00:00Z'),
  };
});
afterAll(async () => {
  await fake?.close();
  await postgres?.stop();
  await run?.stop();
});
beforeEach(async () => {
  await rm(request.staging, { recursive: true, force: true });
  await mkdir(request.staging);
});

async function restore(
  manifest: LogicalManifest,
  into: string,
  more: Partial<RestoreRequest> = {},
): Promise<RestoreResult> {
  return await restoreDatabase({ ...request, manifest, into, ...more });
}

/** Databases of ours beside the source: whatever a run made or left. */
async function databases(): Promise<string[]> {
  const { rows } = await postgres.primary.query(
    `SELECT datname FROM pg_database WHERE datname ~ 'holdfast|copy' ORDER BY 1`,
  );
  return rows.map((row: { datname: string }) => row.datname);
}

/** Databases that are being built, and into which anybody is let. */
async function openToAll(): Promise<unknown[]> {
  const { rows } = await postgres.primary.query(
    `SELECT datname FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
      WHERE datname ~ 'holdfast' AND grantee = 0 AND privilege_type = 'CONNECT'`,
  );
  return rows;
}

async function describeDatabase(name: string): Promise<unknown> {
  const about = await postgres.primary.query(`
    SELECT pg_get_userbyid(datdba) AS owner, datcollate, encoding, datlocprovider,
           ARRAY(SELECT unnest(datacl)::text ORDER BY 1) AS acl,
           shobj_description(oid, 'pg_database') AS comment,
           ARRAY(SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setdatabase = d.oid) AS settings
      FROM pg_database d WHERE datname = '${name}'`);
  const inside = await postgres.primary.query(
    `SELECT (SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM t) AS rows,
            (SELECT count(*) FROM "we""ird\nname") AS others,
            (SELECT relacl::text FROM pg_class WHERE relname = 't') AS acl,
            (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects,
            (SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'f')) AS keys`,
    { database: name },
  );
  return [about.rows, inside.rows];
}

test('a database comes back whole: rows, owners, grants, comment, settings, locale', async () => {
  const seen: Progress[] = [];
  const open: Promise<unknown>[] = [];
  const onProgress = (progress: Progress) => {
    seen.push(progress);
    if (progress.stage === 'restore') open.push(openToAll());
  };
  const result = await restore(good, 'copy', { onProgress });
  expect(new Set((await Promise.all(open)).flat())).toEqual(new Set());
  expect(open.length).toBeGreaterThan(0);
  expect(result).toMatchObject({ name: 'copy', tables: 2, notRestored: [], warnings: [] });
  expect(await describeDatabase('copy')).toEqual(await describeDatabase(SOURCE));
  expect(new Set(seen.map(({ stage }) => stage))).toEqual(new Set(['fetch', 'restore', 'analyze']));
  expect(await readdir(request.staging)).toEqual([]);
});

test('a database that exists is refused, or kept under another name while somebody uses it', async () => {
  await expect(restore(good, 'copy')).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
  const busy = postgres.primary.query('SELECT pg_sleep(60)', { database: 'copy' });
  const ended = expect(busy).rejects.toThrow('terminating connection');
  const result = await restore(good, 'copy', { replace: true });
  await ended;
  expect(result.keptAs).toBe('copy_before_20261120t030000z');
  expect(await databases()).toEqual(['copy', 'copy_before_20261120t030000z']);
  await postgres.primary.query('DROP DATABASE copy');
  await postgres.primary.query('DROP DATABASE copy_before_20261120t030000z');
});

test.each(['fetch', 'restore', 'analyze'])(
  'told to stop during %s, it leaves nothing behind',
  async (stage) => {
    const stop = new AbortController();
    const reason = new HoldfastError('TERMINATED', 'told to stop', { hint: 'again' });
    const onProgress = (progress: Progress) => {
      if (progress.stage === stage) stop.abort(reason);
    };
    await expect(restore(good, 'copy', { onProgress, signal: stop.signal })).rejects.toBe(reason);
    expect(await databases()).toEqual([]);
    expect(await readdir(request.staging)).toEqual([]);
  },
);

test('a big table that was changed in the vault is named, and nothing of it is left', async () => {
  const pieces = good.artifacts.filter(({ name }) => /\.dat\.zst\.\d+$/.test(name));
  expect(pieces.length).toBeGreaterThan(2);
  const last = pieces.at(-1)?.key ?? '';
  const versions = fake.objects.get(last) ?? [];
  const [version] = versions;
  if (version?.body === undefined) throw new Error(`There is no ${last}.`);
  const body = Buffer.from(version.body);
  body.writeUInt8(body.readUInt8(body.length - 20) ^ 1, body.length - 20);
  fake.objects.set(last, [{ ...version, body }]);
  try {
    await expect(restore(good, 'copy')).rejects.toMatchObject({
      code: 'VAULT_INTEGRITY',
      message: expect.stringContaining(last),
    });
  } finally {
    fake.objects.set(last, versions);
  }
  expect(await databases()).toEqual([]);
  expect(await readdir(request.staging)).toEqual([]);
});

test('one that loses its lock while it loads publishes nothing', async () => {
  const last = good.artifacts.findLast(({ name }) => /\.dat\.zst\.\d+$/.test(name))?.key;
  const send = fake.s3.send.bind(fake.s3) as (...args: unknown[]) => Promise<unknown>;
  let lost = 0;
  vi.spyOn(fake.s3, 'send').mockImplementation(async (...args: unknown[]) => {
    if ((args[0] as { input: { Key?: string } }).input.Key === last) {
      const { rows } = await postgres.primary.query(
        `SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'`,
      );
      lost += rows.length;
    }
    return await send(...args);
  });
  try {
    await expect(restore(good, 'copy')).rejects.toMatchObject({
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('keeps other restores from "copy" was lost'),
    });
  } finally {
    vi.restoreAllMocks();
  }
  expect(lost).toBe(1);
  expect(await databases()).toEqual([]);
});

test('the first error of pg_restore ends it, and the next run succeeds', async () => {
  await expect(restore(broken, 'copy')).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining('syntax error at or near "TABLF"'),
  });
  expect(await databases()).toEqual([]);
  await restore(good, 'copy');
  expect(await databases()).toEqual(['copy']);
  await postgres.primary.query('DROP DATABASE copy');
});

test('what only another server can give is told, and all else comes back', async () => {
  const { primary } = postgres;
  await primary.exec(['sh', '-c', 'echo 7 >/tmp/far.csv']);
  for (const [name, text] of Object.entries(EXTENSIONS)) {
    const file = join(run.directory, name);
    await writeFile(file, text);
    await podman(['cp', file, `${primary.container}:/usr/share/postgresql/17/extension/${name}`]);
  }
  await primary.query('CREATE DATABASE near');
  await primary.query(FAR, { database: 'near' });
  const directory = join(run.directory, 'near');
  await mkdir(directory);
  const files = await dumpDatabase(primary, 'near', directory);
  await primary.exec(['rm', '/tmp/far.csv']);
  const manifest = await putExampleBackup(fake, request.reader.dataKeys, {
    label: FAR_LABEL,
    database: 'near',
    files,
  });
  const { notRestored, warnings } = await restore(manifest, 'copy_near', { database: 'near' });
  expect(notRestored).toEqual([
    {
      what: 'EXTENSION pg_cron',
      why: expect.stringMatching(/cron\.database_name names.* make it there afterwards/),
      statement: 'CREATE EXTENSION pg_cron;',
    },
    { what: 'TABLE DATA cron.job', why: 'it needs the extension pg_cron' },
    { what: 'VIEW public.planned', why: 'it needs the extension pg_cron' },
    {
      what: 'MATERIALIZED VIEW DATA public.far_ones',
      why: expect.stringMatching(/^could not open file "\/tmp\/far\.csv"/),
      statement: 'REFRESH MATERIALIZED VIEW public.far_ones;',
    },
    {
      what: 'MATERIALIZED VIEW DATA public.last_of_far',
      why: 'materialized view "far_ones" has not been populated',
      statement: 'REFRESH MATERIALIZED VIEW public.last_of_far;',
    },
  ]);
  expect(warnings).toEqual([
    expect.stringMatching(/^No statistics of public\.parent: could not stat file/),
  ]);
  const { rows } = await primary.query(
    `SELECT (SELECT count(*)::int FROM own_ones) AS own, (SELECT count(*)::int FROM ONLY parent) AS parent,
            (SELECT array_agg(what) FROM jobs.job JOIN pg_class c ON c.oid = 'jobs.job'::regclass
               AND relacl::text LIKE '%shop=r/%') AS jobs,
            (SELECT count(*)::int FROM pg_stats WHERE tablename IN ('own', 'own_ones')) AS statistics`,
    { database: 'copy_near' },
  );
  expect(rows).toEqual([{ own: 100, parent: 1, jobs: ['vacuum'], statistics: 2 }]);
  await primary.query('DROP DATABASE copy_near');
});

test('a manifest that gives one database for another is found out, and nothing is left', async () => {
  const databasesOfForger = good.databases.map((entry) => ({ ...entry, name: 'payroll' }));
  const forged: LogicalManifest = { ...good, databases: databasesOfForger };
  await expect(restore(forged, 'copy_forged', { database: 'payroll' })).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
    message: expect.stringContaining(`"${SOURCE}" for "payroll"`),
  });
  expect(await databases()).not.toContain('copy_forged');
});

test('missing roles are refused with their names, or done without', async () => {
  await postgres.primary.query('ALTER ROLE "Odd ""Reader" RENAME TO gone');
  try {
    await expect(restore(good, 'copy')).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
      message: expect.stringContaining('Odd "Reader'),
    });
    expect(await databases()).toEqual([]);
    const { notRestored } = await restore(good, 'copy', { noOwner: true });
    expect(notRestored.map(({ what }) => what)).toEqual([
      'owners',
      'ACL public.TABLE t',
      'POLICY public.t readers',
      `GRANT CONNECT ON DATABASE "${SOURCE}" TO "Odd ""Reader"`,
      SETTING,
    ]);
    expect(JSON.stringify(notRestored)).not.toContain('geheim');
  } finally {
    await postgres.primary.query('ALTER ROLE gone RENAME TO "Odd ""Reader"');
    await postgres.primary.query('DROP DATABASE IF EXISTS copy');
  }
});

test('on a managed server it does without owners, grants and tablespaces, as another role', async () => {
  const { primary } = postgres;
  await primary.query(`CREATE ROLE "the \\ tenant" CREATEDB; CREATE ROLE deputy LOGIN PASSWORD 'x';
    GRANT "the \\ tenant" TO deputy`);
  const target = {
    ...parseTargetUri(primary.uriFor({ user: 'deputy', password: 'x' }), request.target.caFile),
    role: 'the \\ tenant',
  };
  const options = { target, noOwner: true, noPrivileges: true, noTablespaces: true };
  const { notRestored, warnings } = await restore(good, 'copy_managed', options);
  expect(notRestored.map(({ what }) => what)).toEqual(['owners', 'grants', SETTING]);
  expect(warnings.filter((warning) => !warning.includes('permission'))).toEqual([]);
  const { rows } = await primary.query(
    `SELECT pg_get_userbyid(relowner) AS owner, relacl::text AS acl, (SELECT datacl::text FROM pg_database
      WHERE datname = current_database()) AS of_database FROM pg_class WHERE relname = 't'`,
    { database: 'copy_managed' },
  );
  expect(rows).toEqual([{ owner: 'the \\ tenant', acl: null, of_database: null }]);
  await primary.query('DROP DATABASE copy_managed');
});

test('a staging directory that fills up meanwhile is named, and nothing is left', async () => {
  const staging = join(run.directory, 'small-disk');
  await mkdir(staging);
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', staging]);
  try {
    const filler = openSync(join(staging, 'filler'), 'w');
    const onProgress = ({ stage }: Progress) => {
      if (stage === 'fetch') fillUp(filler);
    };
    await expect(restore(good, 'copy', { staging, onProgress })).rejects.toMatchObject({
      code: 'RESTORE_FAILED',
      message: `The staging directory ${staging} is full (ENOSPC).`,
    });
    closeSync(filler);
    expect(await readdir(staging)).toEqual(['filler']);
    expect(await databases()).toEqual([]);
    await expect(restore(good, 'copy', { staging })).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
      message: expect.stringMatching(/needs \d+ bytes in .*, where 0 are free/),
    });
  } finally {
    await execa('umount', ['--lazy', staging]);
  }
});

/** Writes into the file until its disk is full. */
function fillUp(file: number): void {
  try {
    for (;;) writeSync(file, Buffer.alloc(1024 * 1024));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  }
}

test('what cannot work is refused before anything is fetched', async () => {
  fake.requests.length = 0;
  const { source } = good;
  const newer = { ...good, source: { ...source, serverVersion: '18.1' } };
  await expect(restore(newer, 'copy')).rejects.toThrow(
    'The backup is of PostgreSQL 18, the target is older',
  );
  const older = join(run.directory, 'older-bin');
  await mkdir(older);
  await writeFile(join(older, 'pg_restore'), '#!/bin/sh\necho pg_restore 15.20\n', { mode: 0o755 });
  await expect(restore(good, 'copy', { pgBin: older })).rejects.toMatchObject({
    code: 'CLIENT_MISSING',
    message: expect.stringContaining('A pg_restore of PostgreSQL 17 or later is needed'),
  });
  const standby = parseTargetUri(postgres.standby.uri, request.target.caFile);
  await expect(restore(good, 'copy', { target: standby })).rejects.toThrow('is a standby');
  await postgres.primary.query(
    `CREATE ROLE guarded LOGIN CREATEDB PASSWORD 'x'; ALTER ROLE guarded SET default_transaction_read_only = on`,
  );
  const guarded = parseTargetUri(
    postgres.primary.uriFor({ user: 'guarded', password: 'x' }),
    request.target.caFile,
  );
  await expect(restore(good, 'copy', { target: guarded })).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    message: expect.stringContaining('may only read'),
  });
  const stranger = parseTargetUri(postgres.primary.uri);
  await expect(restore(good, 'copy', { target: stranger })).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    message: expect.stringMatching(/self.signed|unable to/i),
  });
  const withoutPassword = `postgresql://postgres@127.0.0.1:${postgres.primary.port}/`;
  const unlike = (password?: string) =>
    restore(good, 'copy', {
      target: parseTargetUri(withoutPassword, request.target.caFile, password),
    });
  await expect(unlike()).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    message: expect.stringContaining('the server asks for a password, and none was given'),
    hint: expect.stringMatching(/^It stands in PGPASSWORD, or /),
  });
  await expect(unlike('wrong')).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    hint: expect.stringMatching(/^Look at the user and the password/),
  });
  await expect(restore(good, 'x'.repeat(64))).rejects.toThrow('too long');
  await expect(restore(good, 'copy', { database: 'nope' })).rejects.toMatchObject({
    code: 'DATABASE_UNKNOWN',
  });
  expect(fake.requests).toEqual([]);
});
