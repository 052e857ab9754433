import { readFile } from 'node:fs/promises';
import type { Postgres, PostgresServer } from './servers/postgres.ts';

/** The database with one of everything; its name has to be quoted wherever it is written. */
export const LIBRARY = `Library's "1" ü`;

/** Where the tablespace of `test/fixtures/fidelity/roles.sql` lies, on each server. */
const TABLESPACE = '/var/lib/postgresql/cold';

/** How each database was made and set, in statements of their own: some cannot share a transaction. */
const DATABASES: Readonly<Record<string, readonly string[]>> = {
  [LIBRARY]: ['owner library_owner connection limit 42'],
  Straße: [
    `owner "The ""Reader""" template template0 encoding 'LATIN1' locale 'de_DE'`,
    `set lc_monetary = 'de_DE'`,
  ],
  phonebook: [
    `template template0 locale_provider icu icu_locale 'de-AT-u-co-phonebk' locale 'C.UTF-8'
     tablespace "cold shelf"`,
    // What holds in every session of this database, and so in those of a backup and a restore. In
    // the order in which a restore sets them: what would hinder it comes last.
    `set datestyle = 'German, DMY'`,
    `set intervalstyle = 'sql_standard'`,
    `set bytea_output = 'escape'`,
    `set extra_float_digits = 0`,
    `set default_transaction_isolation = 'serializable'`,
    `set statement_timeout = '2s'`,
    `set idle_in_transaction_session_timeout = '20ms'`,
    `set default_transaction_read_only = on`,
  ],
  bytes: [`template template0 encoding 'SQL_ASCII' locale 'C'`],
};

const LIBRARY_PROPERTIES = [
  `alter database $ set timezone = 'Asia/Kathmandu'`,
  `alter database $ set search_path = 'a "quoted" schema', library, public`,
  `alter database $ set "my.own" = 'it''s "so"'`,
  'alter role library_clerk in database $ set role = library_reader',
  `alter role "two\nlines" in database $ set work_mem = '5MB'`,
  'revoke all on database $ from public',
  'grant connect on database $ to library_reader, "select", holdfast',
  'grant temporary, create on database $ to "The ""Reader""" with grant option',
  `comment on database $ is E'It''s "one"\\nof DATABASE everything ü'`,
];

/** Where a server's tablespaces lie has to be there before it is told of them. */
export async function prepareTablespace(server: PostgresServer): Promise<void> {
  await server.exec(['mkdir', '-p', TABLESPACE]);
}

/**
 * Makes databases that hold one of everything that PostgreSQL of this major has, and roles to own it.
 *
 * @returns the databases' names.
 */
export async function createLibrary(
  { primary, standby }: Pick<Postgres, 'primary' | 'standby'>,
  major: number,
): Promise<readonly string[]> {
  await Promise.all([primary, standby].map(prepareTablespace));
  // A tablespace cannot be made in a transaction, which several statements at once are.
  for (const statement of (await fixture('roles')).split(/;$/m)) await primary.query(statement);
  for (const [name, [how = '']] of Object.entries(DATABASES)) {
    await primary.query(`create database ${quoted(name)} ${how}`);
  }
  const newer = [17, 18].filter((since) => since <= major).map((since) => `since-${since}`);
  for (const file of ['schema', 'code', ...newer, 'rows']) {
    await primary.query(await fixture(file), { database: LIBRARY });
  }
  await primary.query(await fixture('latin'), { database: 'Straße' });
  await primary.query(await fixture('phonebook'), { database: 'phonebook' });
  await primary.query(await fixture('bytes'), { database: 'bytes' });
  for (const [name, [, ...settings]] of Object.entries(DATABASES)) {
    for (const setting of settings) {
      await primary.query(`alter database ${quoted(name)} ${setting}`);
    }
  }
  for (const statement of LIBRARY_PROPERTIES) {
    await primary.query(statement.replace('$', () => quoted(LIBRARY)));
  }
  await standby.waitForReplay();
  return Object.keys(DATABASES);
}

async function fixture(name: string): Promise<string> {
  return await readFile(new URL(`../fixtures/fidelity/${name}.sql`, import.meta.url), 'utf8');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
