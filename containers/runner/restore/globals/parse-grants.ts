import { isKeyword, nameOf, type SqlToken } from '../sql-tokens.ts';
import type { GlobalStatement, Membership } from './globals.ts';

/** Words that stand where a role's name may, and mean others; roles of that name are quoted. */
const NOT_A_ROLE = ['all', 'current_role', 'current_user', 'group', 'public', 'session_user'];

/** The role that a token names; `undefined` where it means everybody, or whoever runs it. */
export function roleNamed(token: SqlToken | undefined): string | undefined {
  const name = nameOf(token);
  const isOther = token?.kind === 'word' && NOT_A_ROLE.includes(name ?? '');
  return isOther ? undefined : name;
}

/** `GRANT a TO b …`, and nothing but one role to one. */
export function membershipOf(tokens: readonly SqlToken[]): Membership | undefined {
  const [verb, of, to, by] = tokens;
  const [role, member] = [roleNamed(of), roleNamed(by)];
  if (!isKeyword(verb, 'GRANT') || !isKeyword(to, 'TO')) return undefined;
  if (role === undefined || member === undefined) return undefined;
  const granted = tokens.findIndex((token) => isKeyword(token, 'GRANTED'));
  const own = granted < 0 ? tokens : tokens.slice(0, granted);
  if (own.length > 4 && !isKeyword(own[4], 'WITH')) return undefined;
  const statement = own.map(({ text }) => text).join(' ');
  return {
    role,
    member,
    statement,
    grantedBy: granted < 0 ? undefined : nameOf(tokens[granted + 2]),
  };
}

/** `GRANT SET ON PARAMETER x TO a`, `REVOKE ALL ON TABLESPACE t FROM PUBLIC`. */
export function rightOf(
  tokens: readonly SqlToken[],
): Pick<GlobalStatement, 'what' | 'roles' | 'tablespace'> | undefined {
  const on = tokens.findIndex((token) => isKeyword(token, 'ON'));
  const end = tokens.findIndex(
    (token, at) => at > on && (isKeyword(token, 'TO') || isKeyword(token, 'FROM')),
  );
  if (on < 0 || end < 0) return undefined;
  const object = dotted(tokens.slice(on + 2, end));
  const kind = tokens[on + 1]?.text.toLowerCase() ?? '';
  const roles = grantees(tokens.slice(end + 1));
  return {
    what:
      roles.length === 0
        ? tokens.map(({ text }) => text).join(' ')
        : `right of ${roles.join(', ')} on the ${kind} ${object}`,
    roles,
    ...(kind === 'tablespace' ? { tablespace: object } : {}),
  };
}

/** `a, b WITH GRANT OPTION`; none where one of them is no role's name. */
function grantees(tokens: readonly SqlToken[]): string[] {
  const roles: string[] = [];
  for (let at = 0; ; at += 2) {
    const role = roleNamed(tokens[at]);
    if (role === undefined) return [];
    roles.push(role);
    if (tokens[at + 1]?.text !== ',') return roles;
  }
}

/** `a."B"` */
export function dotted(tokens: readonly SqlToken[]): string {
  let name = nameOf(tokens[0]) ?? '';
  for (let at = 1; tokens[at]?.text === '.'; at += 2) name += `.${nameOf(tokens[at + 1])}`;
  return name;
}
