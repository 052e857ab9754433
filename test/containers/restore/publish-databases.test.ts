import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { checkDatabase, surveyTarget } from '../../../containers/runner/restore/preflight.ts';
import {
  type BuiltDatabase,
  publishDatabases,
} from '../../../containers/runner/restore/publish-databases.ts';
import { waitForOutcome } from '../../../containers/runner/restore/publish-outcome.ts';
import { withRestoreLocks } from '../../../containers/runner/restore/restore-lock.ts';
import { CommitUnanswered } from '../../../containers/runner/restore/swap-database.ts';
import {
  parseTargetUri,
  type TargetServer,
  withSession,
} from '../../../containers/runner/restore/target-connection.ts';
import { exampleManifest } from '../../fixtures/example-manifest.ts';
import { type Certificates, makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { freePort } from '../../local-cloud/servers/free-port.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';

const TEMPORARY = 'holdfast_restore_x';

let run: Run;
let server: PostgresServer;
let target: TargetServer;
let certificates: Certificates;

beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
  server = await startLoneServer({ run, certificates }, 'publish');
  await server.query("CREATE ROLE deputy LOGIN CREATEDB PASSWORD 'x'");
  target = parseTargetUri(server.uri, certificates.caFile);
});
afterAll(async () => {
  await server?.stop();
  await run?.stop();
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const name of Object.keys(await databases())) {
    await server.query(`DROP DATABASE "${name}" WITH (FORCE)`);
  }
});

/** Databases beside the server's own, with their object ids. */
async function databases(): Promise<Record<string, number>> {
  const { rows } = await server.query(
    "SELECT datname, oid FROM pg_database WHERE datname ~ '^(holdfast|final)' ORDER BY 1",
  );
  return Object.fromEntries(
    rows.map((row: { datname: string; oid: number }) => [row.datname, row.oid]),
  );
}

async function make(name: string): Promise<number> {
  await server.query(`CREATE DATABASE ${name} STRATEGY file_copy`);
  return (await databases())[name] ?? 0;
}

async function build(): Promise<BuiltDatabase> {
  const oid = await make(TEMPORARY);
  return {
    temporary: { name: TEMPORARY, oid },
    name: 'final',
    database: 'final',
    tables: 0,
    dumpBytes: 0,
    databaseBytes: 0,
    notRestored: [],
    warnings: [],
    started: Date.now(),
    seconds: { fetch: 0, restore: 0, analyze: 0 },
  };
}

async function publish(
  built: readonly BuiltDatabase[],
  meanwhile: () => Promise<unknown> = async () => {},
  by = target,
) {
  return await withRestoreLocks(by, ['final'], async (_, assertHeld) => {
    await meanwhile();
    const publication = { target: by, replace: true, now: () => new Date(0), assertHeld };
    return await publishDatabases(publication, 'postgres', built);
  });
}

/** Makes the next COMMIT end the connection instead of being answered. */
function loseAnswer(doCommit: boolean): void {
  const query = pg.Client.prototype.query as (...args: unknown[]) => Promise<unknown>;
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(async function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    if (args[0] !== 'COMMIT') return await query.apply(this, args);
    if (doCommit) await query.apply(this, args);
    await this.end();
    throw new Error('Connection terminated unexpectedly');
  } as never);
}

test('one that has lost its lock publishes nothing, and drops what it had built', async () => {
  const old = await make('final');
  const loss = () =>
    server.query(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'",
    );
  await expect(publish([await build()], loss)).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining('The session that keeps other restores from "final" was lost'),
  });
  expect(await databases()).toEqual({ final: old });
});

/** Somebody who looks into every database that there is. */
async function watch(database: string, uri = server.uri): Promise<pg.Client> {
  const watcher = new pg.Client({
    connectionString: new URL(`/${database}`, uri.split('?')[0]).href,
    ssl: { rejectUnauthorized: false },
    application_name: 'watcher',
  });
  watcher.on('error', () => {});
  await watcher.connect();
  return watcher;
}

test('somebody who looks into what was built does not keep it from its name', async () => {
  const built = await build();
  const watcher = await watch(TEMPORARY);
  expect(await publish([built])).toMatchObject([{ name: 'final', keptAs: undefined }]);
  expect(await databases()).toEqual({ final: built.temporary.oid });
  await expect(watcher.query('SELECT 1')).rejects.toThrow();
});

test('whoever may end some of the sessions ends these, and waits for the others', async () => {
  const old = await make('final');
  const built = await build();
  await server.query(
    `ALTER DATABASE final OWNER TO deputy; ALTER DATABASE ${TEMPORARY} OWNER TO deputy`,
  );
  const uri = server.uriFor({ user: 'deputy', password: 'x' });
  // A superuser's come before and after: whichever is ended first, one may not be.
  const [first, own, last] = [
    await watch('final'),
    await watch('final', uri),
    await watch('final'),
  ];
  own.once('end', () => {
    for (const watcher of [first, last]) void watcher.end();
  });
  const kept = 'final_before_19700101t000000z';
  const deputy = parseTargetUri(uri, certificates.caFile);
  expect(await publish([built], async () => {}, deputy)).toMatchObject([{ keptAs: kept }]);
  expect(await databases()).toEqual({ final: built.temporary.oid, [kept]: old });
});

test('a database that cannot make way is refused before anything is built', async () => {
  await server.query('ALTER SYSTEM SET max_prepared_transactions = 1');
  await server.crash();
  await make('final');
  await server.query("BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'x'", { database: 'final' });
  const [entry] = exampleManifest().databases;
  if (entry === undefined) throw new Error('The example has no database.');
  const check = async (user: TargetServer, replace = true) => {
    const facts = await withSession(user, 'postgres', surveyTarget);
    checkDatabase(facts, { ...entry, extensions: [] }, { name: 'final', replace });
  };
  try {
    await expect(check(target, false)).rejects.toThrow('exists on the target');
    await expect(check(target)).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
      message: 'The database "final" has prepared transactions, with which it cannot be renamed.',
    });
  } finally {
    await server.query("ROLLBACK PREPARED 'x'", { database: 'final' });
  }
  await check(target);
  const uri = server.uriFor({ user: 'deputy', password: 'x' });
  await expect(check(parseTargetUri(uri, certificates.caFile))).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    message: 'The database "final" belongs to postgres: the user may not rename it.',
  });
});

test('where nobody may end such a session, it is named', async () => {
  const built = await build();
  const watcher = await watch(TEMPORARY);
  const query = pg.Client.prototype.query as (...args: unknown[]) => Promise<unknown>;
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(async function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    // As a server answers whoever is no superuser; it takes five seconds for each refusal.
    const refused = (message: string, code: string) => Object.assign(new Error(message), { code });
    if (/pg_terminate_backend/.test(String(args[0]))) {
      throw refused('permission denied to terminate process', '42501');
    }
    if (/ RENAME TO /.test(String(args[0]))) throw refused(`"${TEMPORARY}" is in use`, '55006');
    return await query.apply(this, args);
  } as never);
  await expect(publish([built])).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining('is in use, by postgres (watcher)'),
    hint: expect.stringContaining('pg_signal_backend'),
  });
  vi.restoreAllMocks();
  await watcher.end().catch(() => {});
  expect(await databases()).toEqual({});
});

test("another restore's database of the same temporary name is neither published nor dropped", async () => {
  const old = await make('final');
  const ours = await build();
  await server.query(`DROP DATABASE ${TEMPORARY}`);
  const others = await make(TEMPORARY);
  await expect(publish([ours])).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining("is another restore's"),
  });
  expect(await databases()).toEqual({ final: old, [TEMPORARY]: others });
});

test('a COMMIT that took effect, though its answer was lost, is a success', async () => {
  const old = await make('final');
  const built = await build();
  loseAnswer(true);
  const kept = 'final_before_19700101t000000z';
  expect(await publish([built])).toMatchObject([{ name: 'final', keptAs: kept }]);
  expect(await databases()).toEqual({ final: built.temporary.oid, [kept]: old });
});

test('a COMMIT that never arrived is a failure, which leaves nothing', async () => {
  const built = await build();
  loseAnswer(false);
  await expect(publish([built])).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining('Connection terminated unexpectedly'),
  });
  expect(await databases()).toEqual({});
});

test('a COMMIT that the server is still at is waited for', async () => {
  const { temporary } = await build();
  const session = new pg.Client({
    connectionString: server.uri.split('?')[0],
    ssl: { rejectUnauthorized: false },
  });
  await session.connect();
  try {
    await session.query(`BEGIN; ALTER DATABASE ${TEMPORARY} RENAME TO final`);
    const { rows } = await session.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
    const query = pg.Client.prototype.query as (...args: unknown[]) => Promise<unknown>;
    let asked = 0;
    vi.spyOn(pg.Client.prototype, 'query').mockImplementation(async function (
      this: pg.Client,
      ...args: unknown[]
    ) {
      const answer = await query.apply(this, args);
      if (String(args[0]).includes('pg_xact_status')) {
        asked += 1;
        if (asked === 1) await query.apply(session, ['COMMIT']);
      }
      return answer;
    } as never);
    const unanswered = new CommitUnanswered(rows[0]?.id ?? '', new Error('lost'));
    const swaps = [{ name: 'final', temporary, aside: undefined }];
    expect(await waitForOutcome(unanswered, { target, home: 'postgres' }, swaps)).toBe(true);
    expect(asked).toBe(2);
  } finally {
    await session.end();
  }
});

test('when nobody can say what became of it, it says so, and how to find out', async () => {
  const away = { ...target, port: await freePort() };
  const swaps = [{ name: 'final', temporary: { name: TEMPORARY, oid: 4711 }, aside: undefined }];
  const unanswered = new CommitUnanswered('750', new Error('lost'));
  await expect(
    waitForOutcome(unanswered, { target: away, home: 'postgres', patience: 0 }, swaps),
  ).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining('whether "final" took effect is unknown'),
    hint: expect.stringContaining('oid IN (4711)'),
  });
});
