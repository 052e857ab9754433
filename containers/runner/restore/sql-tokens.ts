/** A piece of SQL: enough to find names in the statements that pg_dump generates. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'literal' | 'symbol' | 'space';
  /** As it stands in the SQL. */
  readonly text: string;
}

const TOKEN =
  /(\s+|--[^\n]*)|("(?:[^"]|"")*")|([eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\4\$)|([\p{L}_][\p{L}\p{N}_$]*)|([\s\S])/gu;

/** Splits SQL into tokens; joined again they give the same text. */
export function tokenize(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (const [text, space, quoted, literal, , word] of sql.matchAll(TOKEN)) {
    const kind =
      space !== undefined
        ? 'space'
        : quoted !== undefined
          ? 'quoted'
          : literal !== undefined
            ? 'literal'
            : word !== undefined
              ? 'word'
              : 'symbol';
    tokens.push({ kind, text });
  }
  return tokens;
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

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
