import {
  isKeyword,
  nameOf,
  type SqlToken,
  splitStatements,
  textOfLiteral,
  tokenize,
  withoutSpace,
} from '../sql-tokens.ts';
import type { GlobalRole, GlobalStatement, Globals, Membership } from './globals.ts';
import { readAttributes } from './role-attributes.ts';

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
      actingAs = nameOf(tokens[3]) ?? textOfLiteral(tokens[3]);
    } else if (isKeyword(verb, 'RESET')) {
      actingAs = undefined;
    } else if (isKeyword(verb, 'SET') || isKeyword(verb, 'SELECT')) {
      // Of the session that would replay it.
    } else if (isKeyword(verb, 'CREATE') && isKeyword(object, 'ROLE')) {
      roles.set(name, { name, attributes: [], hasPassword: false });
    } else if (isKeyword(verb, 'ALTER') && isKeyword(object, 'ROLE')) {
      if (isKeyword(tokens[3], 'WITH')) {
        const read = readAttributes(tokens.slice(4));
        const { attributes, hasPassword } = read;
        roles.set(name, { name, attributes, hasPassword });
        if (read.unknown !== undefined) unknown.push(`ALTER ROLE ${name} WITH ${read.unknown}`);
      } else {
        statements.push({ ...settingOf(name, tokens), ...about });
      }
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
  return {
    what: `setting ${name} of the role ${role}`,
    roles: [role],
    ...(set === 3 ? { setting: { name, values: valuesOf(tokens.slice(to + 1)) } } : {}),
  };
}

/** `'a', 'b'`, `1.5` */
function valuesOf(tokens: readonly SqlToken[]): string[] {
  return tokens
    .filter(({ text }) => text !== ',')
    .map((token) => textOfLiteral(token) ?? token.text);
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

function textOf(tokens: readonly SqlToken[]): string {
  const start = tokens.findIndex((token) => token.kind !== 'space');
  return tokens
    .slice(start)
    .map((token) => token.text)
    .join('')
    .trim();
}
