import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, projectFiles, ROOT } from './source-files.ts';

/** Which folder may import which: the arrows run one way. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  vault: ['contract'],
  functions: ['vault', 'contract'],
  'containers/runner': ['vault', 'contract'],
  cli: ['vault', 'contract', 'containers/runner/restore', 'containers/runner/restore-physical'],
  infra: ['contract'],
};

const sources = projectFiles().filter((path) => path.endsWith('.ts'));

function areaOf(path: string): string | undefined {
  return Object.keys(ALLOWED).find((area) => path.startsWith(`${area}/`));
}

function forbidden(from: string, to: string): boolean {
  const area = areaOf(from);
  if (area === undefined || to.startsWith(`${area}/`)) return false;
  return !(ALLOWED[area] ?? []).some((allowed) => to.startsWith(`${allowed}/`));
}

describe('imports', () => {
  test('are found at all', () => {
    expect(importsOf('contract/request.ts')).toContain('contract/label.ts');
  });

  test('run one way', () => {
    const wrong = sources.flatMap((from) =>
      importsOf(from)
        .filter((to) => forbidden(from, to))
        .map((to) => `${from} imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test('a forbidden one is noticed', () => {
    expect(forbidden('contract/label.ts', 'vault/commit.ts')).toBe(true);
    expect(forbidden('vault/commit.ts', 'containers/runner/log.ts')).toBe(true);
    expect(forbidden('infra/app.ts', 'functions/start-task/plan.ts')).toBe(true);
    expect(forbidden('cli/holdfast.ts', 'containers/runner/engine/throttle.ts')).toBe(true);
  });

  test('name files that exist', () => {
    const missing = sources.flatMap((from) =>
      importsOf(from)
        .filter((to) => !existsSync(join(ROOT, to)))
        .map((to) => `${from} imports ${to}`),
    );
    expect(missing).toEqual([]);
  });

  test('have no cycle', () => {
    expect(findCycle(new Map(sources.map((path) => [path, importsOf(path)])))).toBeUndefined();
  });

  test('a cycle is noticed', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ]);
    expect(findCycle(graph)).toEqual(['a', 'b', 'c', 'a']);
  });

  test('nothing is imported from a test by what is shipped', () => {
    const wrong = sources
      .filter((path) => areaOf(path) !== undefined)
      .filter((path) => importsOf(path).some((to) => to.startsWith('test/')));
    expect(wrong).toEqual([]);
  });
});

/** The first cycle that a depth-first walk meets. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (node: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const cycle = walk(next, [...path, node]);
      if (cycle !== undefined) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const cycle = walk(node, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
