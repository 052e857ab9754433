import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restoreDatabase } from '../../../containers/runner/restore/restore-database.ts';
import type { RestoreRequest } from '../../../containers/runner/restore/restore-request.ts';
import { parseTargetUri } from '../../../containers/runner/restore/target-connection.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { rawDataKeys } from '../../vault/example-message.ts';
import { type FakeS3, startFakeS3 } from '../../vault/fake-s3.ts';
import { makeClientWrappers } from './client-wrappers.ts';
import { dumpDatabase, putExampleBackup } from './example-backup.ts';

let run: Run;
let server: PostgresServer;
let fake: FakeS3;
let request: RestoreRequest;

beforeAll(async () => {
  run = await startRun();
  const certificates = await makeCertificates(run);
  server = await startLoneServer({ run, certificates }, 'delegated');
  await server.query(`CREATE ROLE clerk; CREATE ROLE reader;
    CREATE ROLE tenant LOGIN CREATEDB PASSWORD 'x'`);
  await server.query('CREATE DATABASE shop TEMPLATE template0');
  await server.query(
    `CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1;
     REVOKE ALL ON FUNCTION f() FROM PUBLIC;
     GRANT SELECT ON t TO clerk WITH GRANT OPTION; GRANT ALL ON FUNCTION f() TO clerk WITH GRANT OPTION;
     GRANT TEMPORARY ON DATABASE shop TO clerk WITH GRANT OPTION;
     SET SESSION AUTHORIZATION clerk;
     GRANT SELECT ON t TO reader; GRANT ALL ON FUNCTION f() TO reader;
     GRANT TEMPORARY ON DATABASE shop TO reader`,
    { database: 'shop' },
  );
  const files = await dumpDatabase(server, 'shop', run.directory, '');
  fake = await startFakeS3();
  const dataKeys = rawDataKeys();
  const staging = join(run.directory, 'staging');
  await mkdir(staging);
  const uri = server.uriFor({ user: 'tenant', password: 'x' });
  request = {
    reader: { vault: fake, dataKeys },
    manifest: await putExampleBackup(fake, dataKeys, { files }),
    database: 'shop',
    into: 'copy',
    target: parseTargetUri(uri, certificates.caFile),
    replace: false,
    noOwner: false,
    jobs: 2,
    staging,
    pgBin: await makeClientWrappers(run),
    now: () => new Date('2026-11-20T03:00:00Z'),
  };
});
afterAll(async () => {
  await fake?.close();
  await server?.stop();
  await run?.stop();
});

async function ask(sql: string, database: string): Promise<unknown> {
  return (await server.query(sql, { database })).rows;
}

test('whoever may not act as others is refused before anything is loaded', async () => {
  await expect(restoreDatabase(request)).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    message: expect.stringContaining('(clerk): only a superuser can make them, and tenant is none'),
    hint: expect.stringContaining('--no-owner'),
  });
  const left = `SELECT datname FROM pg_database WHERE datname ~ 'copy|holdfast'`;
  expect(await ask(left, 'postgres')).toEqual([]);
});

test('with --no-owner the grants of others are told, and the owners’ are made', async () => {
  const { notRestored } = await restoreDatabase({ ...request, noOwner: true });
  const why = 'clerk granted it: only a superuser can do so for another';
  expect(notRestored.filter(({ what }) => what !== 'owners')).toEqual(
    expect.arrayContaining([
      { what: 'GRANT SELECT ON TABLE public.t TO reader', why },
      { what: 'GRANT ALL ON FUNCTION public.f() TO reader', why },
      { what: 'GRANT TEMPORARY ON DATABASE shop TO reader', why },
    ]),
  );
  expect(notRestored).toHaveLength(4);
  const acl = `SELECT (SELECT relacl::text FROM pg_class WHERE relname = 't') AS t,
                      (SELECT proacl::text FROM pg_proc WHERE proname = 'f') AS f,
                      has_database_privilege('clerk', current_database(), 'TEMPORARY WITH GRANT OPTION') AS d`;
  expect(await ask(acl, 'copy')).toEqual([
    {
      t: '{tenant=arwdDxtm/tenant,clerk=r*/tenant}',
      f: '{tenant=X/tenant,clerk=X*/tenant}',
      d: true,
    },
  ]);
  await server.query('DROP DATABASE copy');
});

test('with --no-privileges as well there is nothing to tell apart, and a superuser brings all', async () => {
  const none = await restoreDatabase({ ...request, noOwner: true, noPrivileges: true });
  expect(none.notRestored.map(({ what }) => what)).toEqual(['owners', 'grants']);
  await server.query('DROP DATABASE copy');
  const { caFile } = request.target;
  const whole = await restoreDatabase({ ...request, target: parseTargetUri(server.uri, caFile) });
  expect(whole.notRestored).toEqual([]);
  const acl = `SELECT relacl::text FROM pg_class WHERE relname = 't'`;
  expect(await ask(acl, 'copy')).toEqual(await ask(acl, 'shop'));
});
