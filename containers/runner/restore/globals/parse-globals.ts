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
import { dotted, membershipOf, rightOf, roleNamed } from './parse-grants.ts';
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
    const role = roleNamed(third);
    const beginning = `${verb?.text} ${object?.text}`;
    const keep = (read: Omit<GlobalStatement, 'sql' | 'actingAs'> | undefined) => {
      // No more of it: what is not understood may hold a secret.
      if (read === undefined) unknown.push(beginning);
      else statements.push({ ...read, sql: text, actingAs });
    };
    if (isKeyword(verb, 'SET') && isKeyword(third, 'AUTHORIZATION')) {
      actingAs = nameOf(tokens[3]) ?? textOfLiteral(tokens[3]);
    } else if (isKeyword(verb, 'RESET')) {
      actingAs = undefined;
    } else if (isKeyword(verb, 'SET') || isKeyword(verb, 'SELECT')) {
      // Of the session that would replay it.
    } else if (isKeyword(verb, 'CREATE') && isKeyword(object, 'ROLE') && role !== undefined) {
      roles.set(role, { name: role, attributes: [], hasPassword: false });
    } else if (isKeyword(verb, 'ALTER') && isKeyword(object, 'ROLE')) {
      if (isKeyword(tokens[3], 'WITH') && role !== undefined) {
        const read = readAttributes(tokens.slice(4));
        const { attributes, hasPassword } = read;
        roles.set(role, { name: role, attributes, hasPassword });
        if (read.unknown !== undefined) unknown.push(`ALTER ROLE ${role} WITH ${read.unknown}`);
      } else {
        keep(settingOf(tokens));
      }
    } else if (isKeyword(verb, 'CREATE') && isKeyword(object, 'TABLESPACE')) {
      tablespaces.push({ name, sql: text });
    } else if (isKeyword(verb, 'ALTER') && isKeyword(object, 'TABLESPACE')) {
      keep({ what: `options of the tablespace ${name}`, ...ofTablespace(name) });
    } else if (isKeyword(verb, 'GRANT') || isKeyword(verb, 'REVOKE')) {
      const membership = membershipOf(tokens);
      if (membership !== undefined) memberships.push(membership);
      else keep(rightOf(tokens));
    } else if (isKeyword(verb, 'COMMENT') || isKeyword(verb, 'SECURITY')) {
      keep(remarkOn(tokens));
    } else {
      keep(undefined);
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
  tokens: readonly SqlToken[],
): Pick<GlobalStatement, 'what' | 'roles' | 'setting'> | undefined {
  const set = isKeyword(tokens[3], 'IN') ? 6 : 3;
  const to = tokens.findIndex(
    (token, at) => at > set && (isKeyword(token, 'TO') || token.text === '='),
  );
  if (!isKeyword(tokens[set], 'SET') || to < 0) return undefined;
  const name = dotted(tokens.slice(set + 1));
  const role = roleNamed(tokens[2]);
  return {
    what: `setting ${name} of the role ${role ?? tokens[2]?.text}`,
    roles: role === undefined ? [] : [role],
    ...(set === 3 ? { setting: { name, values: valuesOf(tokens.slice(to + 1)) } } : {}),
  };
}

/** `'a', 'b'`, `1.5` */
function valuesOf(tokens: readonly SqlToken[]): string[] {
  return tokens
    .filter(({ text }) => text !== ',')
    .map((token) => textOfLiteral(token) ?? token.text);
}

/** `COMMENT ON ROLE x IS …`, `SECURITY LABEL FOR p ON TABLESPACE x IS …` */
function remarkOn(
  tokens: readonly SqlToken[],
): Pick<GlobalStatement, 'what' | 'roles' | 'tablespace'> | undefined {
  const on = tokens.findIndex((token) => isKeyword(token, 'ON'));
  const kind = tokens[on + 1]?.text.toLowerCase() ?? '';
  const name = nameOf(tokens[on + 2]) ?? '';
  const what = `${isKeyword(tokens[0], 'COMMENT') ? 'comment' : 'security label'} of the ${kind} ${name}`;
  if (kind === 'tablespace') return { what, ...ofTablespace(name) };
  return kind === 'role' ? { what, roles: [name] } : undefined;
}

function ofTablespace(tablespace: string): Pick<GlobalStatement, 'roles' | 'tablespace'> {
  return { roles: [], tablespace };
}

function textOf(tokens: readonly SqlToken[]): string {
  const start = tokens.findIndex((token) => token.kind !== 'space');
  return tokens
    .slice(start)
    .map((token) => token.text)
    .join('')
    .trim();
}
