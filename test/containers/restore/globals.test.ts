import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  applyGlobals,
  type RolesResult,
} from '../../../containers/runner/restore/globals/apply-globals.ts';
import { parseGlobals } from '../../../containers/runner/restore/globals/parse-globals.ts';
import {
  parseTargetUri,
  withSession,
} from '../../../containers/runner/restore/target-connection.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';

/** As pg_dumpall 17 writes it. */
const GLOBALS = `--
-- PostgreSQL database cluster dump
--

\\restrict dg4Yj;CREATE ROLE smuggled;

SET default_transaction_read_only = off;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE ROLE "a;b ""c""";
ALTER ROLE "a;b ""c""" WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;
CREATE ROLE app;
ALTER ROLE app WITH SUPERUSER NOINHERIT NOCREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS CONNECTION LIMIT 100 PASSWORD 'SCRAM-SHA-256$4096:pKpXVuY7NCxb/Noe+oaGvw==$qH9FqzFAjOQ0nVrSV+AjKyMb0X+qnEBq5riLRKQ1s7w=:JeNebDKT19uwAB45nsC4bXaG80G7aOPRH+gUNYWiUB4=' VALID UNTIL '2031-02-03 04:05:06+00';
COMMENT ON ROLE app IS 'It''s; -- ours';
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS PASSWORD 'SCRAM-SHA-256$4096:c2FsdA==$b3RoZXI=:b3RoZXI=';
CREATE ROLE rds_superuser;
ALTER ROLE rds_superuser WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;
CREATE ROLE reader;
ALTER ROLE reader WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS;

--
-- User Configurations
--

ALTER ROLE app SET work_mem TO '7MB';
ALTER ROLE app SET search_path TO 'a "q" schema', 'public';
ALTER ROLE reader SET statement_timeout TO '1s';

--
-- Role memberships
--

GRANT pg_read_all_data TO reader WITH INHERIT TRUE GRANTED BY postgres;
GRANT reader TO app WITH ADMIN OPTION, INHERIT FALSE GRANTED BY gone;
GRANT app TO rds_superuser WITH INHERIT TRUE GRANTED BY postgres;

GRANT SET ON PARAMETER log_statement TO app;

CREATE TABLESPACE fast OWNER app LOCATION '/nvme';
GRANT CREATE ON TABLESPACE fast TO app;
CREATE EVENT SECRET 'geheim';

\\unrestrict dg4Yj

--
-- PostgreSQL database cluster dump complete
--
`;

describe('parsed', () => {
  const globals = parseGlobals(GLOBALS);

  test('every role has the attributes that CREATE ROLE would not give it anyway', () => {
    expect(globals.roles).toEqual([
      { name: 'a;b "c"', attributes: [], hasPassword: false },
      {
        name: 'app',
        attributes: [
          ...['SUPERUSER', 'NOINHERIT', 'CREATEDB', 'LOGIN', 'REPLICATION', 'BYPASSRLS'],
          'CONNECTION LIMIT 100',
          "PASSWORD 'SCRAM-SHA-256$4096:pKpXVuY7NCxb/Noe+oaGvw==$qH9FqzFAjOQ0nVrSV+AjKyMb0X+qnEBq5riLRKQ1s7w=:JeNebDKT19uwAB45nsC4bXaG80G7aOPRH+gUNYWiUB4='",
          "VALID UNTIL '2031-02-03 04:05:06+00'",
        ],
        hasPassword: true,
      },
      expect.objectContaining({ name: 'postgres' }),
      { name: 'rds_superuser', attributes: [], hasPassword: false },
      { name: 'reader', attributes: ['LOGIN'], hasPassword: false },
    ]);
  });

  test('memberships stand apart from rights, and know who granted them', () => {
    expect(globals.memberships).toEqual([
      expect.objectContaining({
        role: 'pg_read_all_data',
        member: 'reader',
        grantedBy: 'postgres',
      }),
      {
        role: 'reader',
        member: 'app',
        statement: 'GRANT reader TO app WITH ADMIN OPTION , INHERIT FALSE',
        grantedBy: 'gone',
      },
      expect.objectContaining({ role: 'app', member: 'rds_superuser' }),
    ]);
    expect(globals.statements.map(({ what, roles }) => [what, roles])).toEqual([
      ['comment of the role app', ['app']],
      ['setting work_mem of the role app', ['app']],
      ['setting search_path of the role app', ['app']],
      ['setting statement_timeout of the role reader', ['reader']],
      ['right of app on the parameter log_statement', ['app']],
      ['right of app on the tablespace fast', ['app']],
    ]);
  });

  test('what it does not know is told without its values', () => {
    expect(globals.unknown).toEqual(['CREATE EVENT']);
    expect(globals.tablespaces).toEqual([
      { name: 'fast', sql: "CREATE TABLESPACE fast OWNER app LOCATION '/nvme'" },
    ]);
  });
});

describe('applied to a server', () => {
  let run: Run;
  let server: PostgresServer;
  let caFile: string;
  beforeAll(async () => {
    run = await startRun();
    const certificates = await makeCertificates(run);
    caFile = certificates.caFile;
    server = await startLoneServer({ run, certificates }, 'globals');
  });
  afterAll(async () => {
    await server?.stop();
    await run?.stop();
  });

  async function apply(user?: string): Promise<RolesResult> {
    const uri = user === undefined ? server.uri : server.uriFor({ user, password: 'x' });
    return await applied(GLOBALS, uri);
  }

  async function applied(sql: string, uri = server.uri): Promise<RolesResult> {
    return await withSession(parseTargetUri(uri, caFile), 'postgres', (session) =>
      applyGlobals(session, parseGlobals(sql)),
    );
  }

  async function dumpGlobals(): Promise<string> {
    const script = 'pg_dumpall --globals-only --restrict-key=x --dbname="$1"';
    const uri = `${server.uri}&sslrootcert=/var/lib/postgresql/tls/ca.pem`;
    return (await server.exec(['sh', '-c', script, 'sh', uri])).stdout;
  }

  async function ask(sql: string): Promise<unknown[]> {
    const { rows } = await server.query(sql);
    return rows.map((row: object) => Object.values(row)[0]);
  }

  const MADE = '^(newcomer|newest|all|current_user|grabber)$';
  const PASSWORDS = 'SELECT rolpassword FROM pg_authid WHERE rolname = ';

  test('a role that exists keeps its attributes, password, memberships and settings', async () => {
    await server.query(`CREATE ROLE reader NOLOGIN CREATEDB PASSWORD 'mine'`);
    const before = await ask(`${PASSWORDS}'reader' UNION ALL ${PASSWORDS}'postgres'`);
    const result = await apply();
    expect(result).toMatchObject({
      created: ['a;b "c"', 'app'],
      existing: ['postgres', 'reader'],
      reserved: ['rds_superuser'],
      withoutPassword: [],
    });
    const why = 'the role reader exists: it was left as it is';
    expect(result.notRestored).toEqual([
      { what: 'LOGIN of the role reader', why },
      { what: 'no CREATEDB of the role reader', why },
      { what: 'membership of reader in pg_read_all_data', why },
      {
        what: 'membership of rds_superuser in app',
        why: 'there is no role rds_superuser',
      },
      { what: 'setting statement_timeout of the role reader', why },
      expect.objectContaining({ what: 'tablespace fast' }),
      expect.objectContaining({ what: 'a statement of the globals: CREATE EVENT …' }),
    ]);
    expect(await ask(`${PASSWORDS}'reader' UNION ALL ${PASSWORDS}'postgres'`)).toEqual(before);
    expect(await ask(`${PASSWORDS}'app'`)).toEqual([
      'SCRAM-SHA-256$4096:pKpXVuY7NCxb/Noe+oaGvw==$qH9FqzFAjOQ0nVrSV+AjKyMb0X+qnEBq5riLRKQ1s7w=:JeNebDKT19uwAB45nsC4bXaG80G7aOPRH+gUNYWiUB4=',
    ]);
    expect(await ask(`SELECT setconfig::text FROM pg_db_role_setting ORDER BY 1`)).toEqual([
      '{work_mem=7MB,"search_path=\\"a \\"\\"q\\"\\" schema\\", public"}',
    ]);
    expect(await ask(`SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app'`)).toEqual([100]);
    // Whoever granted it is not here.
    expect(
      await ask(`SELECT admin_option AND NOT inherit_option AND grantor = 10 FROM pg_auth_members
                  WHERE member = 'app'::regrole AND roleid = 'reader'::regrole`),
    ).toEqual([true]);
    expect(await ask(`SELECT shobj_description('app'::regrole, 'pg_authid')`)).toEqual([
      `It's; -- ours`,
    ]);
    expect(await ask(`SELECT count(*)::int FROM pg_roles WHERE rolname = 'smuggled'`)).toEqual([0]);
  });

  test('a second time it makes nothing, and tells only what differs still', async () => {
    const result = await apply();
    expect(result).toMatchObject({ created: [], withoutPassword: [] });
    expect(result.existing).toEqual(['a;b "c"', 'app', 'postgres', 'reader']);
    expect(result.notRestored.map(({ what }) => what)).not.toContain('SUPERUSER of the role app');
    expect(result.notRestored.map(({ what }) => what)).not.toContain(
      'setting work_mem of the role app',
    );
    await server.query('DROP OWNED BY app; DROP ROLE app, reader, "a;b ""c"""');
  });

  test('without being superuser it makes what it may, and tells the rest', async () => {
    await server.query(`CREATE ROLE admin LOGIN CREATEROLE CREATEDB PASSWORD 'x'`);
    const result = await apply('admin');
    expect(result.created).toEqual(['a;b "c"', 'app', 'reader']);
    expect(result.withoutPassword).toEqual(['reader']);
    expect(result.notRestored).toContainEqual({
      what: 'SUPERUSER, REPLICATION, BYPASSRLS of the role app',
      why: expect.stringContaining('permission denied to create role'),
    });
    expect(result.notRestored).toContainEqual({
      what: 'membership of reader in pg_read_all_data',
      why: expect.stringContaining('permission denied'),
    });
    expect(JSON.stringify(result)).not.toMatch(/SCRAM|geheim/);
    expect(await ask(`SELECT rolsuper FROM pg_roles WHERE rolname = 'app'`)).toEqual([false]);
  });

  test('what pg_dumpall writes of odd roles makes the same roles again, and is then all there', async () => {
    const names = [
      'a"b',
      "q'",
      'new\nline',
      'b\\slash',
      '; --',
      '$$',
      'TO',
      'all',
      '1',
      "E'x",
      '-1',
    ];
    const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
    for (const [at, name] of quoted.entries()) {
      await server.query(`
        CREATE ROLE ${name} LOGIN CONNECTION LIMIT ${at * 20} PASSWORD 'x' VALID UNTIL 'infinity';
        ALTER ROLE ${name} SET search_path TO ${name}, 'x''y', "Z\\z";
        ALTER ROLE ${name} SET "app.v" TO E'back\\\\slash ''q'' ; $$ -- x';
        ALTER ROLE ${name} SET seq_page_cost TO 1.5;
        COMMENT ON ROLE ${name} IS E'c\\\\ \\n; '' $a$ ';
        GRANT SET ON PARAMETER log_statement TO ${name} WITH GRANT OPTION`);
      if (at > 0) await server.query(`GRANT ${quoted[at - 1]} TO ${name} WITH INHERIT FALSE`);
    }
    const before = await dumpGlobals();
    await server.query(`DROP OWNED BY ${quoted.join()}; DROP ROLE ${quoted.join()}`);
    const made = await applied(before);
    expect(made.created.toSorted()).toEqual(names.toSorted());
    expect(await dumpGlobals()).toBe(before);
    const again = (await applied(before)).notRestored.filter(
      ({ what }) => !/^right|^comm/.test(what),
    );
    expect(again).toEqual([]);
    await server.query(`DROP OWNED BY ${quoted.join()}; DROP ROLE ${quoted.join()}`);
  });

  test('nothing is done to a role that exists, nor to PUBLIC, whatever the globals say', async () => {
    await server.query(`CREATE ROLE watcher; GRANT SET ON PARAMETER work_mem TO watcher, PUBLIC`);
    const hostile = [
      ...['newcomer', '"all"', '"current_user"', 'grabber', 'watcher'].flatMap((name) => [
        `CREATE ROLE ${name}`,
        `ALTER ROLE ${name} WITH SUPERUSER LOGIN PASSWORD 'geheim'`,
      ]),
      'ALTER ROLE grabber WITH LOGIN ROLE watcher, postgres',
      'ALTER ROLE CURRENT_USER WITH NOLOGIN',
      `ALTER ROLE ALL SET work_mem TO '64kB'`,
      `ALTER ROLE CURRENT_USER SET app.secret TO 'geheim'`,
      `ALTER ROLE ALL IN DATABASE postgres SET work_mem TO '64kB'`,
      `ALTER ROLE watcher SET app.secret TO 'geheim'`,
      'ALTER ROLE newcomer RENAME TO newest',
      'GRANT newcomer TO watcher',
      'GRANT newcomer TO grabber, watcher',
      'GRANT newcomer TO CURRENT_USER',
      'GRANT newcomer, grabber TO watcher',
      'REVOKE newcomer FROM watcher',
      'GRANT SET ON PARAMETER session_preload_libraries TO PUBLIC',
      'GRANT ALTER SYSTEM ON PARAMETER archive_command TO PUBLIC',
      'GRANT ALTER SYSTEM ON PARAMETER archive_command TO newcomer, PUBLIC',
      'GRANT ALTER SYSTEM ON PARAMETER archive_command TO newcomer, watcher WITH GRANT OPTION',
      'GRANT ALTER SYSTEM ON PARAMETER archive_command TO SESSION_USER',
      'REVOKE SET ON PARAMETER work_mem FROM PUBLIC',
      'REVOKE SET ON PARAMETER work_mem FROM watcher',
      'REVOKE SET ON PARAMETER work_mem FROM newcomer, watcher CASCADE',
      'SET SESSION AUTHORIZATION postgres',
      'GRANT SET ON PARAMETER archive_command TO PUBLIC',
      'RESET SESSION AUTHORIZATION',
      'GRANT CREATE ON TABLESPACE pg_default TO PUBLIC',
      'GRANT CREATE ON TABLESPACE pg_default TO watcher',
      `COMMENT ON ROLE watcher IS 'x'`,
      `COMMENT ON DATABASE newcomer IS 'x'`,
      'GRANT SET ON PARAMETER log_statement TO newcomer',
    ];
    // Grants to the server's first user come with every parameter that is granted to anybody.
    const facts = `
      SELECT json_agg(a ORDER BY oid)::text FROM pg_authid a WHERE rolname !~ '${MADE}'
      UNION ALL SELECT json_agg(s ORDER BY s::text)::text FROM pg_db_role_setting s
      UNION ALL SELECT json_agg(m ORDER BY m.oid)::text FROM pg_auth_members m
                 WHERE pg_get_userbyid(member) !~ '${MADE}'
      UNION ALL SELECT json_agg(g ORDER BY g::text)::text FROM (
                  SELECT parname, a.* FROM pg_parameter_acl, aclexplode(paracl) a
                   WHERE grantee <> 10 AND pg_get_userbyid(grantee) !~ '${MADE}') g
      UNION ALL SELECT json_agg(spcacl)::text FROM pg_tablespace
      UNION ALL SELECT json_agg(d)::text FROM pg_shdescription d`;
    const before = await ask(facts);
    const result = await applied(`${hostile.join(';\n')};\n`);
    expect(await ask(facts)).toEqual(before);
    expect(result.created).toEqual(['newcomer', 'all', 'current_user', 'grabber']);
    expect(
      await ask(`SELECT parname FROM pg_parameter_acl, aclexplode(paracl) a
                       WHERE grantee = 'newcomer'::regrole`),
    ).toEqual(['log_statement']);
    expect(result.notRestored).toContainEqual({
      what: 'GRANT ALTER SYSTEM ON PARAMETER archive_command TO PUBLIC',
      why: 'it would change roles that exist: do it by hand where it should be',
    });
    expect(result.notRestored.map(({ what }) => what)).toEqual(
      expect.arrayContaining([
        'REVOKE SET ON PARAMETER work_mem FROM PUBLIC',
        'setting work_mem of the role ALL',
        'a statement of the globals: ALTER ROLE grabber WITH ROLE …',
        'a statement of the globals: GRANT newcomer …',
      ]),
    );
    expect(JSON.stringify(result)).not.toContain('geheim');
    await server.query(
      `DROP OWNED BY newcomer, watcher; DROP ROLE newcomer, watcher, "all", "current_user", grabber`,
    );
  });

  test('a setting that the target refuses is told without its value', async () => {
    const { notRestored } = await applied(
      "CREATE ROLE loud; ALTER ROLE loud SET work_mem TO 'geheim';",
    );
    expect(notRestored).toEqual([
      {
        what: 'setting work_mem of the role loud',
        why: 'invalid value for parameter "work_mem": "…"',
      },
    ]);
    await server.query('DROP ROLE loud');
  });
});
