import { readFileSync } from 'node:fs';

const DOCUMENT = new URL('../../docs/FORMAT.md', import.meta.url);

/** Of a physical backup, in their order; they are run by `test/e2e/point-in-time.test.ts`. */
export const PHYSICAL_RECIPES = [
  'target',
  'choose',
  'members',
  'combine',
  'wal',
  'recover',
] as const;

/** The commands of `docs/FORMAT.md`, by the name in the comment before their block. */
export function recipes(): ReadonlyMap<string, string> {
  const text = readFileSync(DOCUMENT, 'utf8');
  const blocks = text.matchAll(/<!-- recipe: (\w+) -->\n```bash\n([\s\S]*?)```/g);
  return new Map([...blocks].map(([, name = '', commands = '']) => [name, commands]));
}

/** One of them. @throws Error when the document has none of that name */
export function recipe(name: string): string {
  const commands = recipes().get(name);
  if (commands === undefined) throw new Error(`docs/FORMAT.md has no recipe "${name}".`);
  return commands;
}

/**
 * The document's example values, replaced by one's own.
 *
 * @param of name of the block that sets them.
 * @throws Error unless these are exactly the values that the document sets
 */
export function withValues(values: Readonly<Record<string, string>>, of = 'values'): string {
  const names = [...recipe(of).matchAll(/^(\w+)=/gm)].map(([, name]) => name);
  if (names.join() !== Object.keys(values).join()) {
    throw new Error(`docs/FORMAT.md sets ${names.join()}, not ${Object.keys(values).join()}.`);
  }
  return Object.entries(values)
    .map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join('');
}
