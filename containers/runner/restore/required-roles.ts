import type { DumpToc, TocEntry } from './dump-toc.ts';
import { isKeyword, nameOf, type SqlToken, splitStatements, withoutSpace } from './sql-tokens.ts';

/** Role words that need no role of that name. */
const NOT_A_ROLE = new Set(['public', 'current_user', 'current_role', 'session_user']);

/**
 * Roles that an entry's SQL names: grantees and grantors, policies' roles, user mappings, default
 * privileges, settings of a role in a database. Owners are apart: `--no-owner` does without them.
 */
export function rolesNamedBy({ desc, definition }: TocEntry): Set<string> {
  const roles = new Set<string>();
  for (const statement of splitStatements(definition)) {
    for (const role of rolesOfStatement(desc, withoutSpace(statement))) {
      if (!NOT_A_ROLE.has(role)) roles.add(role);
    }
  }
  return roles;
}

/** Every role that restoring the whole dump needs. */
export function requiredRoles(toc: DumpToc): Set<string> {
  const roles = new Set<string>();
  for (const entry of toc.entries) {
    if (entry.owner !== '') roles.add(entry.owner);
    for (const role of rolesNamedBy(entry)) roles.add(role);
  }
  return roles;
}

function rolesOfStatement(desc: string, tokens: readonly SqlToken[]): string[] {
  switch (desc) {
    case 'ACL':
      return [...listBehindLast(tokens, ['TO', 'FROM']), ...sessionRole(tokens)];
    case 'DEFAULT ACL':
      return [...listBehindLast(tokens, ['TO', 'FROM']), ...behind(tokens, 'ROLE')];
    case 'POLICY':
      return policyRoles(tokens);
    case 'USER MAPPING':
      return behind(tokens, 'FOR');
    case 'DATABASE PROPERTIES':
      return isKeyword(tokens[1], 'ROLE') ? behind(tokens, 'ROLE') : [];
    default:
      return [];
  }
}

/** `GRANT … TO a, b WITH GRANT OPTION`: objects named like a keyword are quoted, and so no keyword. */
function listBehindLast(tokens: readonly SqlToken[], keywords: readonly string[]): string[] {
  const at = tokens.findLastIndex((token) => keywords.some((word) => isKeyword(token, word)));
  return at < 0 ? [] : namesFrom(tokens, at + 1);
}

/** `CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO a, b USING (…)`: expressions come after `TO`. */
function policyRoles(tokens: readonly SqlToken[]): string[] {
  const end = tokens.findIndex((token) => isKeyword(token, 'USING') || isKeyword(token, 'WITH'));
  const clauses = end < 0 ? tokens : tokens.slice(0, end);
  return isKeyword(clauses[1], 'POLICY') ? listBehindLast(clauses, ['TO']) : [];
}

/** `SET SESSION AUTHORIZATION a`, around what somebody else than the owner granted. */
function sessionRole(tokens: readonly SqlToken[]): string[] {
  return isKeyword(tokens[0], 'SET') ? behind(tokens, 'AUTHORIZATION') : [];
}

function behind(tokens: readonly SqlToken[], keyword: string): string[] {
  const at = tokens.findIndex((token) => isKeyword(token, keyword));
  const token = at < 0 ? undefined : tokens[at + 1];
  const name = token?.kind === 'literal' ? token.text.slice(1, -1) : nameOf(token);
  return name === undefined ? [] : [name];
}

function namesFrom(tokens: readonly SqlToken[], start: number): string[] {
  const names: string[] = [];
  for (let at = start; ; at += 2) {
    const name = nameOf(tokens[at]);
    // PUBLIC is a word; a role that is called "public" cannot exist.
    if (name !== undefined) names.push(name);
    if (tokens[at + 1]?.text !== ',') return names;
  }
}
