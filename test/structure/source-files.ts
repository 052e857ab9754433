import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const NOT_OURS = new Set(['node_modules', 'cdk.out', 'dist', '.git', '.cache', 'coverage']);

/** Paths of all files of the project, relative to its root. */
export function projectFiles(directory = ''): string[] {
  return readdirSync(join(ROOT, directory), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? projectFiles(path) : [path];
    });
}

/** Relative imports of one file, as paths from the project's root. */
export function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/g,
  );
  return [...found].map(([, stat, dynamic]) =>
    normalize(join(dirname(path), stat ?? dynamic ?? '')),
  );
}
