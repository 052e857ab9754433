import type pg from 'pg';
import { hideQuoted } from '../hide-values.ts';
import type { NotRestored } from '../not-restored.ts';
import { quoteName } from '../sql-tokens.ts';
import { differences, hasSetting, type RoleFacts, surveyRoles } from './compare-roles.ts';
import type { GlobalRole, GlobalStatement, Globals, Membership } from './globals.ts';
import { isReservedRole } from './reserved-roles.ts';

/** What became of the backup's roles. */
export interface RolesResult {
  /** Made by this run. */
  readonly created: readonly string[];
  /** On the target before: left as they are. */
  readonly existing: readonly string[];
  /** A provider's own, which nobody else may make. */
  readonly reserved: readonly string[];
  /** Made by this run, may log in, and have no password. */
  readonly withoutPassword: readonly string[];
  /** What of the globals is not on the target as it was on the source. */
  readonly notRestored: readonly NotRestored[];
}

/** Attributes that only a superuser may give. */
const SUPERUSERS_ATTRIBUTES = new Set(['SUPERUSER', 'REPLICATION', 'BYPASSRLS']);

/**
 * Makes the roles that the target lacks, in one transaction: all that can be made, or none. Whatever
 * is there is left as it is, the restoring user and its password above all; memberships, settings and
 * rights go to new roles only, and nothing to PUBLIC, which every role is. What fails is told, not fatal.
 */
export async function applyGlobals(session: pg.Client, globals: Globals): Promise<RolesResult> {
  const there = await surveyRoles(session);
  const run = new Application(session, there);
  await session.query('BEGIN');
  try {
    for (const role of globals.roles) await run.makeRole(role);
    for (const membership of globals.memberships) await run.grant(membership);
    const tablespaces = await tablespacesOf(session);
    for (const statement of globals.statements) await run.replay(statement, tablespaces);
    await session.query('COMMIT');
    for (const { name, sql } of globals.tablespaces) {
      if (tablespaces.has(name)) continue;
      run.skip(`tablespace ${name}`, `the target lacks it: make it first (${sql}), or do without`);
    }
    for (const start of globals.unknown) {
      run.skip(`a statement of the globals: ${start} …`, 'it is not one that Holdfast knows');
    }
    return run.result(globals);
  } catch (error) {
    await session.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

class Application {
  readonly #session: pg.Client;
  readonly #there: RoleFacts;
  readonly #created = new Set<string>();
  readonly #reserved: string[] = [];
  readonly #notRestored: NotRestored[] = [];

  constructor(session: pg.Client, there: RoleFacts) {
    this.#session = session;
    this.#there = there;
  }

  async makeRole(role: GlobalRole): Promise<void> {
    const { name, attributes } = role;
    const existing = this.#there.roles.get(name);
    if (existing !== undefined) {
      for (const difference of differences(role, existing)) {
        this.skip(`${difference} of the role ${name}`, this.#whyNot([name]));
      }
      return;
    }
    if (isReservedRole(name)) {
      this.#reserved.push(name);
      return;
    }
    const create = (those: readonly string[]) =>
      this.#tried(
        `CREATE ROLE ${quoteName(name)}${those.length > 0 ? ` WITH ${those.join(' ')}` : ''}`,
      );
    let failure = await create(attributes);
    if (failure !== undefined) {
      const modest = attributes.filter((attribute) => !SUPERUSERS_ATTRIBUTES.has(attribute));
      const without = attributes.filter((attribute) => SUPERUSERS_ATTRIBUTES.has(attribute));
      const why = failure;
      if (without.length > 0) failure = await create(modest);
      if (failure === undefined) this.skip(`${without.join(', ')} of the role ${name}`, why);
    }
    if (failure === undefined) this.#created.add(name);
    else this.skip(`role ${name}`, failure);
  }

  async grant({ role, member, statement, grantedBy }: Membership): Promise<void> {
    const what = `membership of ${member} in ${role}`;
    if (this.#there.memberships.has(JSON.stringify([role, member]))) return;
    if (!this.#created.has(member)) return this.skip(what, this.#whyNot([member]));
    let failure =
      grantedBy === undefined
        ? 'no grantor'
        : await this.#tried(`${statement} GRANTED BY ${quoteName(grantedBy)}`);
    if (failure === undefined) return;
    failure = await this.#tried(statement);
    if (failure !== undefined) this.skip(what, failure);
  }

  async replay(statement: GlobalStatement, tablespaces: ReadonlySet<string>): Promise<void> {
    const { what, roles, tablespace, setting, sql, actingAs } = statement;
    // It is listed as a whole.
    if (tablespace !== undefined && !tablespaces.has(tablespace)) return;
    if (tablespace !== undefined && roles.length === 0) {
      return this.skip(what, 'the tablespace exists: it was left as it is');
    }
    if (roles.length === 0) {
      return this.skip(what, 'it would change roles that exist: do it by hand where it should be');
    }
    if (!roles.every((role) => this.#created.has(role))) {
      const [role = ''] = roles;
      const existing = this.#there.roles.get(role);
      if (!hasSetting(existing, setting)) this.skip(what, this.#whyNot(roles));
      return;
    }
    const acting =
      actingAs === undefined ? [] : [`SET LOCAL SESSION AUTHORIZATION ${quoteName(actingAs)}`];
    const failure = await this.#tried(...acting, sql);
    if (failure !== undefined) this.skip(what, failure);
  }

  skip(what: string, why: string): void {
    this.#notRestored.push({ what, why });
  }

  result({ roles }: Globals): RolesResult {
    const ofThese = (those: { has(name: string): boolean }) =>
      roles.filter(({ name }) => those.has(name)).map(({ name }) => name);
    return {
      created: ofThese(this.#created),
      existing: ofThese(this.#there.roles),
      reserved: this.#reserved,
      withoutPassword: roles
        .filter(({ name, hasPassword }) => this.#created.has(name) && !hasPassword)
        .filter(({ attributes }) => attributes.includes('LOGIN'))
        .map(({ name }) => name),
      notRestored: this.#notRestored,
    };
  }

  /** Runs statements under a savepoint; answers why they failed, if they did. */
  async #tried(...statements: readonly string[]): Promise<string | undefined> {
    await this.#session.query('SAVEPOINT holdfast');
    try {
      for (const statement of statements) await this.#session.query(statement);
      if (statements.length > 1) await this.#session.query('RESET SESSION AUTHORIZATION');
      await this.#session.query('RELEASE SAVEPOINT holdfast');
      return undefined;
    } catch (error) {
      await this.#session.query('ROLLBACK TO SAVEPOINT holdfast');
      return hideQuoted((error as Error).message, statements.at(-1));
    }
  }

  #whyNot(roles: readonly string[]): string {
    const name = roles.find((role) => !this.#created.has(role)) ?? '';
    return this.#there.roles.has(name)
      ? `the role ${name} exists: it was left as it is`
      : `there is no role ${name}`;
  }
}

async function tablespacesOf(session: pg.Client): Promise<Set<string>> {
  const { rows } = await session.query<{ name: string }>(
    'SELECT spcname::text AS name FROM pg_tablespace',
  );
  return new Set(rows.map(({ name }) => name));
}
