import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  dropReplaced,
  emptyDatabases,
} from '../../../containers/runner/restore/empty-databases.ts';
import type { RestoreResult } from '../../../containers/runner/restore/restore-request.ts';
import {
  parseTargetUri,
  type TargetServer,
} from '../../../containers/runner/restore/target-connection.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';

/** What somebody may do to a database, and how it is undone. */
const CHANGES: readonly (readonly [sql: string, undo: string])[] = [
  ["ALTER DATABASE postgres SET work_mem = '9MB'", 'ALTER DATABASE postgres RESET ALL'],
  [
    "ALTER ROLE app IN DATABASE postgres SET work_mem = '9MB'",
    'ALTER ROLE app IN DATABASE postgres RESET ALL',
  ],
  ['ALTER DATABASE postgres OWNER TO app', 'ALTER DATABASE postgres OWNER TO postgres'],
  ['ALTER DATABASE postgres CONNECTION LIMIT 7', 'ALTER DATABASE postgres CONNECTION LIMIT -1'],
  ["COMMENT ON DATABASE postgres IS 'ours'", 'COMMENT ON DATABASE postgres IS NULL'],
  ["COMMENT ON SCHEMA public IS 'ours'", "COMMENT ON SCHEMA public IS 'standard public schema'"],
  ['GRANT CREATE ON SCHEMA public TO app', 'REVOKE CREATE ON SCHEMA public FROM app'],
  ['GRANT CREATE ON SCHEMA public TO PUBLIC', 'REVOKE CREATE ON SCHEMA public FROM PUBLIC'],
  [
    'GRANT SELECT (rolname) ON pg_authid TO PUBLIC',
    'REVOKE SELECT (rolname) ON pg_authid FROM PUBLIC',
  ],
  ['ALTER SCHEMA public OWNER TO app', 'ALTER SCHEMA public OWNER TO pg_database_owner'],
  ['CREATE OPERATOR FAMILY f USING btree', 'DROP OPERATOR FAMILY f USING btree'],
  ['CREATE ACCESS METHOD m TYPE TABLE HANDLER heap_tableam_handler', 'DROP ACCESS METHOD m'],
  ['CREATE TEXT SEARCH TEMPLATE t (LEXIZE = dsimple_lexize)', 'DROP TEXT SEARCH TEMPLATE t'],
  [
    'CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)',
    'DROP TEXT SEARCH PARSER p',
  ],
  ['CREATE TABLE t ()', 'DROP TABLE t'],
  ['DROP EXTENSION plpgsql', ''],
];

const RESULT: RestoreResult = {
  name: 'final',
  database: 'final',
  keptAs: undefined,
  tables: 0,
  dumpBytes: 0,
  databaseBytes: 0,
  notRestored: [],
  warnings: [],
  seconds: { fetch: 0, restore: 0, analyze: 0, total: 0 },
};

let run: Run;
let server: PostgresServer;
let target: TargetServer;

beforeAll(async () => {
  run = await startRun();
  const certificates = await makeCertificates(run);
  server = await startLoneServer({ run, certificates }, 'empties');
  target = parseTargetUri(server.uri, certificates.caFile);
  await server.query('CREATE ROLE app');
});
afterAll(async () => {
  await server?.stop();
  await run?.stop();
});

async function empties(...names: string[]): Promise<string[]> {
  return [...(await emptyDatabases(target, names))];
}

test('a database that anybody made is not an empty one, though nothing is in it', async () => {
  await server.query('CREATE DATABASE made');
  expect(await empties('postgres', 'made')).toEqual(['postgres']);
});

test('what was given way to is dropped, or is told and stays where something keeps it', async () => {
  const session = new pg.Client({
    connectionString: server.uri.split('?')[0],
    ssl: { rejectUnauthorized: false },
  });
  await session.connect();
  try {
    const result: RestoreResult = { ...RESULT, keptAs: 'postgres', warnings: ['odd'] };
    const after = await dropReplaced(target, 'template1', [result], new Set(['final']));
    expect(after.dropped).toEqual([]);
    expect(after.databases).toEqual([
      {
        ...result,
        warnings: ['odd', expect.stringMatching(/could not be dropped: .*accessed by other users/)],
      },
    ]);
  } finally {
    await session.end();
  }
});

test('whatever was made or changed in it, or for it, makes it one that is kept', async () => {
  const found: string[] = [];
  for (const [sql, undo] of CHANGES) {
    await server.query(sql);
    if ((await empties('postgres')).length > 0) found.push(sql);
    if (undo === '') continue;
    await server.query(undo);
    expect(await empties('postgres'), undo).toEqual(['postgres']);
  }
  expect(found).toEqual([]);
});
