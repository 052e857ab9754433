import { listOf, type OneOrMore, type Statement } from './policy.ts';

/**
 * The same statements in fewer bytes, of which the S3 server takes 2048 for a user: those that differ by
 * their actions alone become one, and names go.
 */
export function compactStatements(statements: readonly Statement[]): Statement[] {
  const byRest = new Map<string, Statement>();
  for (const { Sid: _, Action, ...rest } of statements) {
    // NotAction cannot be joined: what one leaves out, another may not.
    const joinable = rest.NotAction === undefined;
    const key = joinable ? JSON.stringify(rest) : `${byRest.size}`;
    const before = byRest.get(key);
    const actions = [...listOf(before?.Action), ...listOf(Action)];
    byRest.set(key, {
      ...short(rest),
      ...(joinable ? { Action: one([...new Set(actions)]) } : {}),
    });
  }
  return [...byRest.values()];
}

function short<T extends Pick<Statement, 'Resource' | 'NotResource'>>(of: T): T {
  const shortened = { ...of };
  for (const name of ['Resource', 'NotResource'] as const) {
    const value = shortened[name];
    if (value !== undefined) Object.assign(shortened, { [name]: one(listOf(value)) });
  }
  return shortened;
}

function one(values: readonly string[]): OneOrMore {
  const [first] = values;
  return values.length === 1 && first !== undefined ? first : values;
}
