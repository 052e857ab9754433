/** A piece of SQL: enough to find names in the statements that pg_dump generates. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'literal' | 'number' | 'symbol' | 'space';
  /** As it stands in the SQL. */
  readonly text: string;
}

const TOKEN =
  /(\s+|--[^\n]*)|("(?:[^"]|"")*")|([eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\4\$)|([\p{L}_][\p{L}\p{N}_$]*)|([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)|([\s\S])/gu;

/** By the pattern's groups; the fourth, the tag of a dollar quote, lies within the third. */
const KINDS = ['space', 'quoted', 'literal', 'literal', 'word', 'number', 'symbol'] as const;

/** Splits SQL into tokens; joined again they give the same text. */
export function tokenize(sql: string): SqlToken[] {
  return [...sql.matchAll(TOKEN)].map(([text, ...groups]) => {
    const kind = KINDS[groups.findIndex((group) => group !== undefined)] ?? 'symbol';
    return { kind, text };
  });
}

/** Splits SQL into its statements, each as its tokens without the semicolon. */
export function splitStatements(sql: string): SqlToken[][] {
  const statements: SqlToken[][] = [];
  let current: SqlToken[] = [];
  for (const token of tokenize(sql)) {
    if (token.kind === 'symbol' && token.text === ';') {
      statements.push(current);
      current = [];
    } else {
      current.push(token);
    }
  }
  statements.push(current);
  return statements.filter((tokens) => tokens.some((token) => token.kind !== 'space'));
}

export function withoutSpace(tokens: readonly SqlToken[]): SqlToken[] {
  return tokens.filter((token) => token.kind !== 'space');
}

export function isKeyword(token: SqlToken | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toUpperCase() === word;
}

/** The name that a word or a quoted identifier stands for; `undefined` for anything else. */
export function nameOf(token: SqlToken | undefined): string | undefined {
  if (token?.kind === 'word') return token.text.toLowerCase();
  if (token?.kind === 'quoted') return token.text.slice(1, -1).replaceAll('""', '"');
  return undefined;
}

/** The text that a literal stands for, as PostgreSQL's programs write it: `'…'`, or `E'…'` with doubled backslashes. */
export function textOfLiteral(token: SqlToken | undefined): string | undefined {
  if (token?.kind !== 'literal' || !token.text.endsWith("'")) return undefined;
  if (token.text.startsWith("'")) return token.text.slice(1, -1).replaceAll("''", "'");
  return token.text.slice(2, -1).replaceAll(/''|\\[\s\S]/g, (pair) => pair.slice(1));
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
