import { isKeyword, tokenize } from './sql-tokens.ts';

const HIDDEN = "'…'";

/**
 * SQL without what its texts say. What people put into settings, options of servers and user mappings,
 * connections of subscriptions, defaults and bodies of functions may be secret; so may be the rest of
 * a text that does not end in it.
 */
export function hideLiterals(sql: string): string {
  const shown: string[] = [];
  for (const { kind, text } of tokenize(sql)) {
    if (kind === 'symbol' && (text === "'" || text === '$')) return [...shown, HIDDEN].join('');
    shown.push(kind === 'literal' ? HIDDEN : text);
  }
  return shown.join('');
}

/** What a statement is about: `ALTER ROLE r IN DATABASE d SET name`, without the value. */
export function hideValue(statement: string): string {
  const tokens = tokenize(statement);
  const set = tokens.findIndex((token) => isKeyword(token, 'SET') || isKeyword(token, 'IS'));
  const isSetting = isKeyword(tokens[set], 'SET');
  const end = tokens.findIndex(
    (token, at) => at > set && (isKeyword(token, 'TO') || token.text === '='),
  );
  const shown =
    set < 0 ? tokens : isSetting ? tokens.slice(0, end < 0 ? set + 1 : end) : tokens.slice(0, set);
  return hideLiterals(shown.map(({ text }) => text).join('')).trim();
}

/**
 * The server's message on a statement, without values that it quotes: `invalid value for parameter
 * "x": "…"`, `invalid input syntax for type integer: "…"`.
 */
export function hideQuoted(message: string, statement = ''): string {
  const literals = tokenize(statement)
    .filter(({ kind, text }) => kind === 'literal' && text.startsWith("'"))
    .map(({ text }) => text.slice(1, -1).replaceAll("''", "'"))
    .filter((value) => value.trim() !== '');
  const shown = message.replace(/: "(?:.*"|[^"]*)$/s, ': "…"');
  return literals.reduce((text, value) => text.split(`"${value}"`).join('"…"'), shown);
}

/** A line that one of PostgreSQL's programs printed, without values. */
export function hideInLine(line: string): string {
  return /^(?:Command was|CONTEXT): /.test(line) ? hideLiterals(line) : hideQuoted(line);
}
