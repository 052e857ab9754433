export type OneOrMore = string | readonly string[];

/** Operator to condition key to values. */
export type Condition = Readonly<Record<string, Readonly<Record<string, OneOrMore>>>>;

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: OneOrMore;
  readonly NotAction?: OneOrMore;
  readonly Resource?: OneOrMore;
  readonly NotResource?: OneOrMore;
  readonly Principal?: '*' | Readonly<Record<string, OneOrMore>>;
  readonly NotPrincipal?: unknown;
  readonly Condition?: Condition;
}

export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** As IAM matches: `*` is any run of characters, `?` any one. */
export function matchesPattern(pattern: string, value: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(value);
}

/** Whether the statement speaks of that service's actions (`s3`). */
export function concernsService(statement: Statement, service: string): boolean {
  if (statement.NotAction !== undefined) return true;
  return listOf(statement.Action).some(
    (action) => action === '*' || action.toLowerCase().startsWith(`${service}:`),
  );
}

/** Every condition key that the statement rests on. */
export function conditionKeys(statement: Statement): string[] {
  return Object.values(statement.Condition ?? {}).flatMap((keys) => Object.keys(keys));
}

/** One statement in words, for messages: its Sid, or what it does. */
export function nameOf(statement: Statement): string {
  return statement.Sid ?? `${statement.Effect} ${listOf(statement.Action).join(', ')}`;
}
