import { isKeyword, type SqlToken } from '../sql-tokens.ts';
import type { GlobalRole } from './globals.ts';

const FLAGS = [
  'SUPERUSER',
  'INHERIT',
  'CREATEROLE',
  'CREATEDB',
  'LOGIN',
  'REPLICATION',
  'BYPASSRLS',
];

/** What `CREATE ROLE` does by itself; to say it takes rights that not every restorer has. */
const DEFAULTS = new Set([
  ...FLAGS.map((flag) => (flag === 'INHERIT' ? flag : `NO${flag}`)),
  'CONNECTION LIMIT -1',
]);

export interface RoleAttributes extends Pick<GlobalRole, 'attributes' | 'hasPassword'> {
  /** The first word that is no attribute: neither it nor what stands behind it was read. */
  readonly unknown: string | undefined;
}

/**
 * Reads what stands behind `ALTER ROLE x WITH`. Only what describes the role itself is let through:
 * `ROLE`, `ADMIN` and the like would change others.
 */
export function readAttributes(tokens: readonly SqlToken[]): RoleAttributes {
  const attributes: string[] = [];
  let hasPassword = false;
  let unknown: string | undefined;
  for (let at = 0; at < tokens.length && unknown === undefined; ) {
    const length = lengthAt(tokens, at);
    const words = tokens.slice(at, at + length).map(({ text }) => text);
    const value = length === 1 ? [] : words.splice(-1);
    const attribute = [...words.map((word) => word.toUpperCase()), ...value].join(' ');
    if (length === 0) unknown = tokens[at]?.kind === 'word' ? tokens[at]?.text : '…';
    else if (!DEFAULTS.has(attribute)) attributes.push(attribute);
    if (isKeyword(tokens[at], 'PASSWORD')) hasPassword = true;
    at += length;
  }
  return { attributes, hasPassword, unknown };
}

/** How many tokens the attribute has that begins there; 0 if none does. */
function lengthAt(tokens: readonly SqlToken[], at: number): number {
  const [first, second, third] = tokens.slice(at);
  const word = first?.kind === 'word' ? first.text.toUpperCase() : '';
  if (FLAGS.includes(word.replace(/^NO/, ''))) return 1;
  if (word === 'PASSWORD' && second?.kind === 'literal') return 2;
  if (word === 'VALID' && isKeyword(second, 'UNTIL') && third?.kind === 'literal') return 3;
  if (word === 'CONNECTION' && isKeyword(second, 'LIMIT') && third?.kind === 'number') return 3;
  return 0;
}
