/** Settings as a configuration file's text. */
export function configurationText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${quoteSetting(value)}\n`)
    .join('');
}

/** What a configuration file includes: files and directories, as it names them. */
export function includesIn(text: string): string[] {
  const directive = /^\s*include(?:_dir|_if_exists)?\s*(?:=\s*)?'([^']*)'/gim;
  return [...text.matchAll(directive)].map(([, path = '']) => path);
}

/** The same text, with what sets a name made a comment that says why. */
export function settingCommentedOut(text: string, name: string, why: string): string {
  const setting = new RegExp(`^\\s*${name}(?=\\s*=|\\s)`, 'i');
  return text
    .split('\n')
    .map((line) => (setting.test(line) ? `# ${why}: ${line}` : line))
    .join('\n');
}

/** Both the quote and the backslash are special between quotes. */
function quoteSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/**
 * What a configuration file sets a name to, the last one counts; `undefined`: not set there. Files that
 * it includes are not read.
 */
export function settingIn(text: string, name: string): string | undefined {
  let found: string | undefined;
  const setting = new RegExp(
    `^\\s*${name}\\s*(?:=\\s*|\\s+)(?:'((?:[^'\\\\]|''|\\\\.)*)'|([^\\s#']+))`,
    'i',
  );
  for (const line of text.split('\n')) {
    const [, quoted, bare] = setting.exec(line) ?? [];
    if (quoted !== undefined) found = quoted.replaceAll("''", "'").replace(/\\(.)/g, '$1');
    else if (bare !== undefined) found = bare;
  }
  return found;
}
