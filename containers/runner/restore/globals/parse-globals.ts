import {
  isKeyword,
  nameOf,
  type SqlToken,
  splitStatements,
  tokenize,
  withoutSpace,
} from '../sql-tokens.ts';

/** A role as `pg_dumpall` writes it. */
export interface GlobalRole {
  readonly name: string;
  /** Attributes as `CREATE ROLE` takes them, without those that are its defaults: `LOGIN`, `CONNECTION LIMIT 7`. */
  readonly attributes: readonly string[];
  readonly hasPassword: boolean;
}

/** `GRANT role TO member …` */
export interface Membership {
  readonly role: string;
  readonly member: string;
  /** The statement, without its grantor. */
  readonly statement: string;
  readonly grantedBy: string | undefined;
}

/** A statement about one thing: a role's setting, comment or label, a right. */
export interface GlobalStatement {
  /** What it is about, for people; holds no value. */
  readonly what: string;
  /** Roles that it changes. */
  readonly roles: readonly string[];
  /** The tablespace that it is about. */
  readonly tablespace?: string;
  /** The setting that it makes, if it is one. */
  readonly setting?: { readonly name: string; readonly value: string };
  readonly sql: string;
  /** Who granted it, where that is not the owner. */
  readonly actingAs: string | undefined;
}

export interface Globals {
  readonly roles: readonly GlobalRole[];
  readonly memberships: readonly Membership[];
  readonly statements: readonly GlobalStatement[];
  /** With the statement that makes each. */
  readonly tablespaces: readonly { readonly name: string; readonly sql: string }[];
  /** Beginnings of statements that are none of these. */
  readonly unknown: readonly string[];
}

/** What `CREATE ROLE` does by itself; to say it takes rights that not every restorer has. */
const DEFAULTS = new Set([
  'NOSUPERUSER',
  'INHERIT',
  'NOCREATEROLE',
  'NOCREATEDB',
  'NOLOGIN',
  'NOREPLICATION',
  'NOBYPASSRLS',
]);

/**
 * Takes the output of `pg_dumpall --globals-only` apart. It is not replayed: it would stop at the
 * first role that exists, or overwrite its attributes and its password.
 */
export function parseGlobals(sql: string): Globals {
  const roles = new Map<string, GlobalRole>();
  const memberships: Membership[] = [];
  const statements: GlobalStatement[] = [];
  const tablespaces: { name: string; sql: string }[] = [];
  const unknown: string[] = [];
  let actingAs: string | undefined;
  for (const statement of splitStatements(withoutMetaCommands(sql))) {
    const text = textOf(statement);
    const tokens = withoutSpace(statement);
    const [verb, object, third] = tokens;
    const name = nameOf(third) ?? '';
    const about = { sql: text, actingAs };
    if (isKeyword(verb, 'SET') && isKeyword(third, 'AUTHORIZATION')) {
      actingAs = nameOf(tokens[3]) ?? literal(tokens[3]);
    } else if (isKeyword(verb, 'RESET')) {
      actingAs = undefined;
    } else if (isKeyword(verb, 'SET') || isKeyword(verb, 'SELECT')) {
      // Of the session that would replay it.
    } else if (isKeyword(verb, 'CREATE') && isKeyword(object, 'ROLE')) {
      roles.set(name, { name, attributes: [], hasPassword: false });
    } else if (isKeyword(verb, 'ALTER') && isKeyword(object, 'ROLE')) {
      if (isKeyword(tokens[3], 'WITH')) roles.set(name, roleOf(name, tokens.slice(4)));
      else statements.push({ ...settingOf(name, tokens), ...about });
    } else if (isKeyword(verb, 'CREATE') && isKeyword(object, 'TABLESPACE')) {
      tablespaces.push({ name, sql: text });
    } else if (isKeyword(verb, 'ALTER') && isKeyword(object, 'TABLESPACE')) {
      statements.push({
        what: `options of the tablespace ${name}`,
        ...ofTablespace(name),
        ...about,
      });
    } else if (isKeyword(verb, 'GRANT') || isKeyword(verb, 'REVOKE')) {
      const membership = membershipOf(tokens);
      if (membership !== undefined) memberships.push(membership);
      else statements.push({ ...rightOf(tokens), ...about });
    } else if (isKeyword(verb, 'COMMENT') || isKeyword(verb, 'SECURITY')) {
      statements.push({ ...remarkOn(tokens), ...about });
    } else {
      // No more of it: what is not understood may hold a secret.
      unknown.push(
        tokens
          .slice(0, 2)
          .map((token) => token.text)
          .join(' '),
      );
    }
  }
  return { roles: [...roles.values()], memberships, statements, tablespaces, unknown };
}

/** `\restrict KEY` and its end are the shell's, a line each, outside of any statement. */
function withoutMetaCommands(sql: string): string {
  const kept: SqlToken[] = [];
  let skipping = false;
  for (const token of tokenize(sql)) {
    if (token.kind === 'symbol' && token.text === '\\') skipping = true;
    if (skipping && token.kind === 'space' && token.text.includes('\n')) skipping = false;
    if (!skipping) kept.push(token);
  }
  return kept.map((token) => token.text).join('');
}

function roleOf(name: string, tokens: readonly SqlToken[]): GlobalRole {
  const attributes: string[] = [];
  let hasPassword = false;
  for (let at = 0; at < tokens.length; at += 1) {
    const word = tokens[at]?.text.toUpperCase() ?? '';
    if (word === 'PASSWORD') {
      hasPassword = true;
      attributes.push(`PASSWORD ${tokens[at + 1]?.text}`);
      at += 1;
    } else if (word === 'VALID' || word === 'CONNECTION') {
      // `CONNECTION LIMIT -1` would be three tokens; but that is the default, which is not written.
      attributes.push([word, ...tokens.slice(at + 1, at + 3).map(({ text }) => text)].join(' '));
      at += 2;
    } else if (!DEFAULTS.has(word)) {
      attributes.push(word);
    }
  }
  return { name, attributes, hasPassword };
}

/** `ALTER ROLE x [IN DATABASE y] SET name TO value` */
function settingOf(
  role: string,
  tokens: readonly SqlToken[],
): Pick<GlobalStatement, 'what' | 'roles' | 'setting'> {
  const set = tokens.findIndex((token) => isKeyword(token, 'SET'));
  const name = dotted(tokens.slice(set + 1));
  const to = tokens.findIndex(
    (token, at) => at > set && (isKeyword(token, 'TO') || token.text === '='),
  );
  const value = tokens.slice(to + 1).map((token) => literal(token) ?? token.text);
  return {
    what: `setting ${name} of the role ${role}`,
    roles: [role],
    ...(set === 3 ? { setting: { name, value: value.join('') } } : {}),
  };
}

/** `GRANT a TO b …`; with an `ON` it grants a right. */
function membershipOf(tokens: readonly SqlToken[]): Membership | undefined {
  const [verb, role, to, member] = tokens;
  if (!isKeyword(verb, 'GRANT') || !isKeyword(to, 'TO')) return undefined;
  const by = tokens.findIndex((token) => isKeyword(token, 'GRANTED'));
  const statement = (by < 0 ? tokens : tokens.slice(0, by)).map(({ text }) => text).join(' ');
  return {
    role: nameOf(role) ?? '',
    member: nameOf(member) ?? '',
    statement,
    grantedBy: by < 0 ? undefined : nameOf(tokens[by + 2]),
  };
}

/** `GRANT SET ON PARAMETER x TO a`, `REVOKE ALL ON TABLESPACE t FROM a`. */
function rightOf(
  tokens: readonly SqlToken[],
): Pick<GlobalStatement, 'what' | 'roles' | 'tablespace'> {
  const on = tokens.findIndex((token) => isKeyword(token, 'ON'));
  const end = tokens.findIndex(
    (token, at) => at > on && (isKeyword(token, 'TO') || isKeyword(token, 'FROM')),
  );
  const role = nameOf(tokens[end + 1]) ?? '';
  const object = dotted(tokens.slice(on + 2, end));
  const kind = tokens[on + 1]?.text.toLowerCase() ?? '';
  return {
    what: `right of ${role} on the ${kind} ${object}`,
    roles: isKeyword(tokens[end + 1], 'PUBLIC') ? [] : [role],
    ...(kind === 'tablespace' ? { tablespace: object } : {}),
  };
}

/** `COMMENT ON ROLE x IS …`, `SECURITY LABEL FOR p ON TABLESPACE x IS …` */
function remarkOn(
  tokens: readonly SqlToken[],
): Pick<GlobalStatement, 'what' | 'roles' | 'tablespace'> {
  const on = tokens.findIndex((token) => isKeyword(token, 'ON'));
  const kind = tokens[on + 1]?.text.toLowerCase() ?? '';
  const name = nameOf(tokens[on + 2]) ?? '';
  const what = `${isKeyword(tokens[0], 'COMMENT') ? 'comment' : 'security label'} of the ${kind} ${name}`;
  return kind === 'tablespace' ? { what, ...ofTablespace(name) } : { what, roles: [name] };
}

function ofTablespace(tablespace: string): Pick<GlobalStatement, 'roles' | 'tablespace'> {
  return { roles: [], tablespace };
}

function dotted(tokens: readonly SqlToken[]): string {
  let name = nameOf(tokens[0]) ?? '';
  for (let at = 1; tokens[at]?.text === '.'; at += 2) name += `.${nameOf(tokens[at + 1])}`;
  return name;
}

function literal(token: SqlToken | undefined): string | undefined {
  if (token?.kind !== 'literal' || !token.text.startsWith("'")) return undefined;
  return token.text.slice(1, -1).replaceAll("''", "'");
}

function textOf(tokens: readonly SqlToken[]): string {
  const start = tokens.findIndex((token) => token.kind !== 'space');
  return tokens
    .slice(start)
    .map((token) => token.text)
    .join('')
    .trim();
}
