import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RescueRequest } from '../../../containers/runner/restore/rescue/rescue-request.ts';
import { rescueTables } from '../../../containers/runner/restore/rescue/rescue-tables.ts';
import { parseTargetUri } from '../../../containers/runner/restore/target-connection.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import type { LogicalManifest } from '../../../contract/logical-manifest.ts';
import { dataOf, schemaOf } from '../../local-cloud/compare-databases.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { type Postgres, startPostgres } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { rawDataKeys } from '../../vault/example-message.ts';
import { type FakeS3, startFakeS3 } from '../../vault/fake-s3.ts';
import { makeClientWrappers } from './client-wrappers.ts';
import { dumpDatabase, putExampleBackup } from './example-backup.ts';

/** A name that a connection string would trip over. */
const SHOP = `sh'op=\\ 1`;
const FILL = `
  CREATE TYPE state AS ENUM ('open', 'paid');
  CREATE TYPE span AS RANGE (subtype = numeric, multirange_type_name = spans);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
  CREATE FUNCTION vat(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'select $1 * 0.2';
  CREATE SEQUENCE numbers START 500;
  CREATE TABLE customer (id int PRIMARY KEY);
  INSERT INTO customer SELECT generate_series(1, 10);
  CREATE TABLE "In voice" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, part serial,
    number int DEFAULT nextval('numbers') UNIQUE, customer_id int REFERENCES customer, state state DEFAULT 'open',
    validity span, spans spans, price money, paid numeric CHECK (paid >= 0), tax numeric GENERATED ALWAYS AS (vat(paid)) STORED);
  INSERT INTO "In voice" (customer_id, validity, spans, price, paid)
    SELECT 1 + i % 10, span(i, i + 1), spans(span(i, i + 2)), i::money, i / 3.0 FROM generate_series(1, 50000) i;
  CREATE INDEX "In voice by state" ON "In voice" (state, paid) WHERE state = 'open';
  CREATE TRIGGER touched BEFORE UPDATE ON "In voice" FOR EACH ROW EXECUTE FUNCTION touch();
  ALTER TABLE "In voice" ENABLE ROW LEVEL SECURITY;
  CREATE POLICY readers ON "In voice" FOR SELECT TO "Odd ""Reader" USING (paid > 0);
  COMMENT ON COLUMN "In voice".paid IS 'so far; it''s net';
  CREATE STATISTICS "In voice stats" ON state, paid FROM "In voice";
  GRANT SELECT (id, paid) ON "In voice" TO "Odd ""Reader";
  GRANT SELECT ON SEQUENCE numbers TO "Odd ""Reader";
  ALTER TABLE "In voice" OWNER TO shop;
  CREATE TABLE line (invoice int REFERENCES "In voice", line int, PRIMARY KEY (invoice, line));
  INSERT INTO line SELECT i, 1 FROM generate_series(1, 1000) i;
  CREATE TABLE event (at date, n int, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
  CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE event_2027 PARTITION OF event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
  INSERT INTO event SELECT '2026-02-01', i FROM generate_series(1, 30) i;
  CREATE TABLE parent (a int);
  CREATE TABLE child (b int) INHERITS (parent);
  CREATE TABLE lost_child (c int) INHERITS (parent);
  INSERT INTO child SELECT i, i FROM generate_series(1, 5) i;
  CREATE TABLE log (n int, note text);
  CREATE UNIQUE INDEX "once" ON log (n) WHERE note = 'once';
  CREATE TABLE log_2026 () INHERITS (log);
  CREATE TABLE sparse (id int UNIQUE, n int);
  CREATE TABLE jotted (n int, doc json);
  INSERT INTO log SELECT i / 2, 'often' FROM generate_series(1, 20) i;
  INSERT INTO log SELECT i, 'once' FROM generate_series(1, 20) i;
  INSERT INTO log_2026 SELECT i / 2, 'later' FROM generate_series(1, 20) i;
  INSERT INTO sparse SELECT nullif(i % 20, 0), i % 3 FROM generate_series(0, 20) i;
  INSERT INTO jotted SELECT i, '{}' FROM generate_series(1, 10) i;
  CREATE VIEW open_ones AS SELECT id FROM "In voice" WHERE state = 'open';
  CREATE SCHEMA archive;
  CREATE TABLE archive.line (n int);
  CREATE TABLE "Mixed Case" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
  INSERT INTO "Mixed Case" OVERRIDING SYSTEM VALUE SELECT generate_series(1, 10);
  CREATE TABLE "Dot.Free" (id int PRIMARY KEY, note text);
  INSERT INTO "Dot.Free" SELECT generate_series(1, 10);
  CREATE VIEW "Seen" AS SELECT id FROM "Dot.Free";
  CREATE VIEW grouped AS SELECT id, note, count(*) FROM "Dot.Free" GROUP BY id;
  CREATE MATERIALIZED VIEW of_grouped AS SELECT * FROM grouped;
  CREATE SCHEMA "s.x";
  CREATE TABLE "s.x".plain (id int PRIMARY KEY);
  INSERT INTO "s.x".plain SELECT generate_series(1, 10);
  CREATE TABLE "s.x".other AS SELECT generate_series(1, 10) AS id;
  CREATE SCHEMA "only functions";
  CREATE FUNCTION "only functions".one() RETURNS int LANGUAGE sql AS 'select 1';
  ALTER DATABASE "${SHOP}" SET default_transaction_read_only = on;
  ALTER DATABASE "${SHOP}" SET default_transaction_isolation = 'serializable';
  ALTER DATABASE "${SHOP}" SET statement_timeout = '100ms';
  ALTER DATABASE "${SHOP}" SET datestyle = 'German'`;
/** What somebody did to it after the backup. */
const LOSS = `
  DROP VIEW open_ones;
  DROP TABLE "In voice" CASCADE;
  DROP TYPE span CASCADE;
  DROP FUNCTION vat(numeric);
  DELETE FROM line WHERE invoice > 10;
  DELETE FROM event WHERE n > 10;
  DROP TABLE event_2027;
  DELETE FROM child WHERE b > 2;
  DROP TABLE lost_child`;
const CHOSEN = {
  tables: ['public.In voice', 'public.line', 'event', 'child', 'lost_child', 'open_ones'],
  schemas: [],
};

let run: Run;
let postgres: Postgres;
let fake: FakeS3;
let manifest: LogicalManifest;
let request: RescueRequest;
/** The database before the loss. */
let original: { schema: string; data: string[] };

beforeAll(async () => {
  run = await startRun();
  const certificates = await makeCertificates(run);
  postgres = await startPostgres({ run, certificates });
  const { primary } = postgres;
  await primary.query(
    `CREATE ROLE shop; CREATE ROLE "Odd ""Reader"; CREATE ROLE deputy LOGIN CREATEDB PASSWORD 'x'`,
  );
  await primary.query(`CREATE DATABASE "${SHOP}" TEMPLATE template0`);
  await inShop(FILL);
  const files = await dumpDatabase(primary, SHOP, run.directory);
  fake = await startFakeS3();
  const dataKeys = rawDataKeys();
  const shape = { database: SHOP, bigFrom: 100_000, cutEvery: 100_000 };
  manifest = await putExampleBackup(fake, dataKeys, { ...shape, files });
  original = { schema: await schemaOf(primary, SHOP), data: await dataOf(primary, SHOP) };
  await inShop(LOSS);
  request = {
    reader: { vault: fake, dataKeys },
    manifest,
    database: SHOP,
    into: SHOP,
    chosen: CHOSEN,
    target: parseTargetUri(primary.uri, certificates.caFile),
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

/** Under the database's own settings no statement of ours would go far. */
async function inShop(sql: string): Promise<Record<string, unknown>[]> {
  const lift = 'SET transaction_read_only = off; SET statement_timeout = 0';
  const result: unknown = await postgres.primary.query(`BEGIN; ${lift}; ${sql}; COMMIT`, {
    database: SHOP,
  });
  return (result as { rows: Record<string, unknown>[] }[]).at(-2)?.rows ?? [];
}

/** What is there beside rescued schemas, and databases of ours. */
async function rest(): Promise<unknown> {
  const { primary } = postgres;
  const { rows } = await primary.query(
    `SELECT datname FROM pg_database WHERE datname ~ 'holdfast'`,
  );
  const data = (await dataOf(primary, SHOP)).filter((line) => !/^relation restored_/.test(line));
  return { schema: await schemaOf(primary, SHOP, { without: 'restored_*' }), data, rows };
}

async function schemas(): Promise<unknown[]> {
  const rows = await inShop(`SELECT nspname FROM pg_namespace WHERE nspname ~ '^restored_'`);
  return rows.map(({ nspname }) => nspname);
}

/** Everything is as it was, and nothing of ours is left. */
async function expectNothing(attempt: () => Promise<unknown>, error: unknown): Promise<void> {
  const before = await rest();
  await expect(attempt()).rejects.toEqual(error);
  expect(await rest()).toEqual(before);
  expect(before).toMatchObject({ rows: [] });
  expect(await schemas()).toEqual([]);
  expect(await readdir(request.staging)).toEqual([]);
}

/** A directory of programs of which one is ours; it runs the real one as `$REAL`. */
async function withProgram(name: string, script: string): Promise<string> {
  const directory = join(run.directory, `bin-${name}-${script.length}`);
  await mkdir(directory);
  for (const program of await readdir(request.pgBin ?? '')) {
    const real = join(request.pgBin ?? '', program);
    const text =
      program === name
        ? `#!/bin/bash\nREAL=${real}\n${script}\n`
        : `#!/bin/sh\nexec ${real} "$@"\n`;
    await writeFile(join(directory, program), text);
    await chmod(join(directory, program), 0o755);
  }
  return directory;
}

const failed = (message: RegExp) =>
  expect.objectContaining({ code: 'RESTORE_FAILED', message: expect.stringMatching(message) });

test('a dump that ends too early brings nothing, however it ends', async () => {
  // Between two statements, where psql sees nothing wrong.
  const cut = await withProgram('pg_dump', `"$REAL" "$@" | sed '/^CREATE INDEX/,$d'; exit 3`);
  await expectNothing(() => rescueTables({ ...request, pgBin: cut }), failed(/exit status 3/));
  const killed = await withProgram('pg_dump', '"$REAL" "$@" | head -c 400000; kill -9 $$');
  await expectNothing(() => rescueTables({ ...request, pgBin: killed }), failed(/SIGKILL|137/));
});

test('an error in the database in use, in the middle, leaves nothing', async () => {
  await inShop(`CREATE FUNCTION no_index() RETURNS event_trigger LANGUAGE plpgsql AS 'begin raise ''no index, please''; end';
    CREATE EVENT TRIGGER no_index ON ddl_command_start WHEN tag IN ('CREATE INDEX') EXECUTE FUNCTION no_index()`);
  await expectNothing(() => rescueTables(request), failed(/no index, please/));
  await inShop('DROP EVENT TRIGGER no_index; DROP FUNCTION no_index()');
});

test.each(['fetch', 'restore', 'copy'])(
  'told to stop during %s, it leaves nothing',
  async (stage) => {
    const stop = new AbortController();
    const reason = new HoldfastError('TERMINATED', 'told to stop', { hint: 'again' });
    const attempt = () =>
      rescueTables({
        ...request,
        signal: stop.signal,
        onProgress: (progress) => {
          if (progress.stage === stage && progress.done > 0) stop.abort(reason);
        },
      });
    await expectNothing(attempt, reason);
  },
);

test('what cannot work is refused before anything is fetched', async () => {
  fake.requests.length = 0;
  const refused = (message: string) =>
    expect.objectContaining({ code: 'RESTORE_REFUSED', message: expect.stringContaining(message) });
  await expectNothing(
    () => rescueTables({ ...request, into: 'nope' }),
    refused('no database "nope"'),
  );
  const standby = parseTargetUri(postgres.standby.uri, request.target.caFile);
  await expectNothing(() => rescueTables({ ...request, target: standby }), refused('is a standby'));
  const { primary } = postgres;
  const deputy = parseTargetUri(
    primary.uriFor({ user: 'deputy', password: 'x' }),
    request.target.caFile,
  );
  await expectNothing(
    () => rescueTables({ ...request, target: deputy }),
    refused('may not create schemas'),
  );
  await inShop('CREATE PUBLICATION everything FOR ALL TABLES');
  await expectNothing(() => rescueTables(request), refused('publishes all tables (everything)'));
  await inShop('DROP PUBLICATION everything');
  expect(fake.requests).toEqual([]);
  const twice = { tables: ['line'], schemas: [] };
  await expectNothing(
    () => rescueTables({ ...request, chosen: twice }),
    refused('Two of the chosen tables have one name'),
  );
});

test('what the database in use would grant on new tables is not granted on rescued ones', async () => {
  const rights = () =>
    inShop(
      `SELECT defaclobjtype AS kind, defaclacl::text AS acl FROM pg_default_acl ORDER BY 1, 2`,
    );
  const own = ({ rows }: { rows: { acl: unknown }[] }) => rows.map(({ acl }) => acl);
  await inShop(`ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "Odd ""Reader" WITH GRANT OPTION;
    ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO public;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO deputy;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM public;
    DROP FUNCTION "only functions".one()`);
  const before = await rights();
  expect(before).toHaveLength(4);
  const { schema, warnings } = await rescueTables({
    ...request,
    chosen: { tables: ['sparse', '"Mixed Case"'], schemas: ['only functions'] },
  });
  expect(warnings).toEqual([]);
  expect(await rights()).toEqual(before);
  const { primary } = postgres;
  const there = (catalog: string, acl: string, of: string) =>
    primary
      .query(
        `SELECT DISTINCT ${acl}::text AS acl FROM ${catalog} WHERE ${of} = '${schema}'::regnamespace`,
        {
          database: SHOP,
        },
      )
      .then(own);
  expect(await there('pg_class', 'relacl', 'relnamespace')).toEqual([null]);
  expect(await there('pg_proc', 'proacl', 'pronamespace')).toEqual([null]);
  expect(await there('pg_namespace', 'nspacl', 'oid')).toEqual([null]);
  await inShop(`DROP SCHEMA ${schema} CASCADE;
    ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM "Odd ""Reader";
    ALTER DEFAULT PRIVILEGES REVOKE USAGE ON SCHEMAS FROM public;
    ALTER DEFAULT PRIVILEGES REVOKE SELECT ON SEQUENCES FROM deputy;
    ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO public;
    CREATE FUNCTION "only functions".one() RETURNS int LANGUAGE sql AS 'select 1'`);
});

test('names that the database in use has for what PostgreSQL has, too, are not asked', async () => {
  const calls = (what: string) =>
    `LANGUAGE plpgsql AS $$ begin insert into public.caught values (current_user); return ${what}; end $$`;
  await inShop(`CREATE TABLE caught (by text); GRANT INSERT ON caught TO public;
    CREATE FUNCTION hashtextextended(text, int) RETURNS bigint ${calls('7')};
    CREATE FUNCTION matches_not(name, name) RETURNS bool ${calls('true')};
    CREATE OPERATOR !~ (LEFTARG = name, RIGHTARG = name, FUNCTION = matches_not)`);
  const { schema, warnings } = await rescueTables({
    ...request,
    chosen: { tables: ['public.sparse'], schemas: [] },
  });
  expect(warnings).toEqual([]);
  expect(await inShop('TABLE caught')).toEqual([]);
  await inShop(`DROP SCHEMA ${schema} CASCADE; DROP TABLE caught; DROP OPERATOR !~ (name, name);
    DROP FUNCTION matches_not; DROP FUNCTION hashtextextended(text, int)`);
});

test('lost tables come beside what is there, whole, and go back by the lines that are told', async () => {
  const { primary } = postgres;
  const before = await rest();
  const result = await rescueTables(request);
  const { schema } = result;
  expect(schema).toMatch(/^restored_20261120_[0-9a-f]{6}$/);
  expect(await rest()).toEqual(before);
  expect(await schemas()).toEqual([schema]);
  expect(Object.fromEntries(result.tables.map(({ original: of, rows }) => [of, rows]))).toEqual({
    'public."In voice"': 50_000,
    'public.line': 1000,
    'public.event': 30,
    'public.child': 5,
    'public.lost_child': 0,
    'public.parent': 5,
  });
  expect(result.warnings).toEqual([]);
  expect(result.notRestored.map(({ what }) => what)).toEqual(
    expect.arrayContaining([
      'FK CONSTRAINT public.In voice In voice_customer_id_fkey',
      'FUNCTION public.touch()',
      'TYPE public.state',
    ]),
  );
  // Where it was, it would be the very table that was lost.
  const there = await schemaOf(primary, SHOP, { tables: [`${schema}."In voice"`] });
  for (const part of partsOf(there))
    expect(original.schema).toContain(part.replaceAll(schema, 'public'));
  expect(there).toContain('FUNCTION public.touch()');
  expect(partsOf(there).length).toBeGreaterThan(12);
  const rescued = (await dataOf(primary, SHOP)).filter((line) => line.includes(schema));
  expect(original.data).toEqual(
    expect.arrayContaining(
      rescued
        .filter((line) => !line.includes('.parent'))
        .map((line) => line.replaceAll(schema, 'public')),
    ),
  );
  await expect(rescueTables(request)).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    message: expect.stringContaining(`has the schema ${schema}`),
  });
  expect(await rest()).toEqual(before);

  const making =
    "CREATE TABLE event_2027 PARTITION OF event FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')";
  expect(result.next).toContain(
    '-- The partition public.event_2027 is not there: rows for it need one.',
  );
  expect(result.next).toContain(
    '-- public.child has no key that every row has: one that was changed since the backup would come again.',
  );
  await inShop(`${making}; ${result.next.join('\n').replace(/;$/, '')}`);
  await inShop('ALTER TABLE "In voice" ADD FOREIGN KEY (customer_id) REFERENCES customer');
  // What a table was made with before it inherited is its own from then on.
  const own = 'lost_child (\n    a integer,';
  expect((await schemaOf(primary, SHOP)).replace(own, 'lost_child (')).toBe(original.schema);
  expect(await dataOf(primary, SHOP)).toEqual(original.data);
});

test('tables whose names need quotes, and that are there, are rescued', async () => {
  const { primary } = postgres;
  const before = [await dataOf(primary, SHOP), await schemaOf(primary, SHOP)];
  await inShop(
    'DELETE FROM "Mixed Case" WHERE id > 3; DELETE FROM "Dot.Free"; DELETE FROM "s.x".plain',
  );
  const wanted = ['"Mixed Case"', 'public."Dot.Free"', '"s.x".plain'];
  const chosen = { tables: wanted, schemas: [] };
  const { tables, next, notRestored } = await rescueTables({ ...request, chosen });
  expect(notRestored.map(({ what }) => what)).toEqual([
    'VIEW public.Seen',
    'VIEW public.grouped',
    'MATERIALIZED VIEW public.of_grouped',
  ]);
  expect(Object.fromEntries(tables.map(({ original: of, rows }) => [of, rows]))).toEqual({
    'public."Mixed Case"': 10,
    'public."Dot.Free"': 10,
    '"s.x".plain': 10,
  });
  await inShop(next.join('\n').replace(/;$/, ''));
  expect([await dataOf(primary, SHOP), await schemaOf(primary, SHOP)]).toEqual(before);
});

test('out of a schema whose name needs quotes comes what is gone, and what is there', async () => {
  const { primary } = postgres;
  const before = [await dataOf(primary, SHOP), await schemaOf(primary, SHOP)];
  await inShop('DROP TABLE "s.x".plain; DELETE FROM "s.x".other');
  const chosen = { tables: [], schemas: ['s.x'] };
  const { tables, next } = await rescueTables({ ...request, chosen });
  expect(tables.map(({ rows }) => rows)).toEqual([10, 10]);
  await inShop(next.join('\n').replace(/;$/, ''));
  expect([await dataOf(primary, SHOP), await schemaOf(primary, SHOP)]).toEqual(before);
});

test('rows that a table without a key still has do not come twice', async () => {
  const { primary } = postgres;
  const before = await dataOf(primary, SHOP);
  await inShop(`DELETE FROM ONLY log WHERE n > 5; DELETE FROM log_2026 WHERE n < 5;
    DELETE FROM sparse WHERE n = 1; DELETE FROM jotted WHERE n > 5`);
  // With a table come those that inherit from it.
  const chosen = { tables: ['log', 'sparse', 'jotted'], schemas: [] };
  const { next, schema } = await rescueTables({ ...request, chosen });
  const commented = `-- INSERT INTO public.jotted (n, doc) OVERRIDING SYSTEM VALUE SELECT n, doc FROM ${schema}.jotted ON CONFLICT DO NOTHING;`;
  expect(next).toContain(commented);
  await inShop("INSERT INTO jotted SELECT i, '{}' FROM generate_series(6, 10) i");
  await inShop(next.join('\n').replace(/;$/, ''));
  expect(await dataOf(primary, SHOP)).toEqual(before);
});

test('a view alone is rescued, and named', async () => {
  const chosen = { tables: ['Seen'], schemas: [] };
  const { tables, others, schema } = await rescueTables({ ...request, chosen });
  expect({ tables, others }).toEqual({ tables: [], others: [`VIEW ${schema}."Seen"`] });
  await inShop(`DROP SCHEMA ${schema} CASCADE`);
});

test('what would bring less than was chosen, or nothing, is refused', async () => {
  const refused = (message: string) =>
    expect.objectContaining({ code: 'RESTORE_REFUSED', message: expect.stringContaining(message) });
  // It comes with its table, which was not chosen and is there.
  const numbers = { tables: ['Mixed Case_id_seq'], schemas: [] };
  await expectNothing(
    () => rescueTables({ ...request, chosen: numbers }),
    refused('can be rescued: SEQUENCE public."Mixed Case_id_seq". Nothing was changed'),
  );
  const functions = { tables: [], schemas: ['only functions'] };
  await expectNothing(
    () => rescueTables({ ...request, chosen: functions }),
    refused('There is nothing to rescue'),
  );
});

/** What `pg_dump` writes, object by object. */
function partsOf(schema: string): string[] {
  return schema
    .split(/^--\n(?=-- Name: )/m)
    .slice(1)
    .map((part) =>
      part.replace(/\n--\n-- PostgreSQL database dump complete[\s\S]*$/, '').trimEnd(),
    );
}
