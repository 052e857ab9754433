import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../contract/error-codes.ts';
import { FINDINGS } from '../../contract/findings.ts';
import { STOP_CAUSES } from '../../contract/stop-causes.ts';
import { projectFiles, ROOT } from './source-files.ts';

const documents = projectFiles().filter((path) => path.endsWith('.md'));
const TOP = /^(contract|vault|infra|functions|containers|cli|test|docs|scripts|\.ci)\//;

/** Paths of the project that a document names: links to files, and code spans that look like paths. */
function pathsNamedIn(text: string): string[] {
  const spans = [...text.matchAll(/`([^`\s]+)`/g)].map(([, span]) => span ?? '');
  return spans.filter((span) => TOP.test(span) && !/[<>*{…]/.test(span));
}

function linksIn(text: string): string[] {
  return [...text.matchAll(/\]\(([^)#]+?)(?:#[^)]*)?\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Every `npx cdk` command, in a block or a span, with the lines that it goes on over. */
function cdkCommandsIn(text: string): string[] {
  return text.replaceAll(/\\\n\s*/g, '').match(/npx cdk [a-z][^`\n]*/g) ?? [];
}

describe('documents', () => {
  test('name paths that exist', () => {
    const missing = documents.flatMap((document) =>
      pathsNamedIn(readFileSync(join(ROOT, document), 'utf8'))
        .filter((path) => !existsSync(join(ROOT, path)))
        .map((path) => `${document}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  test('link to files that exist', () => {
    const missing = documents.flatMap((document) =>
      linksIn(readFileSync(join(ROOT, document), 'utf8'))
        .filter((target) => !existsSync(join(ROOT, dirname(document), target)))
        .map((target) => `${document}: ${target}`),
    );
    expect(missing).toEqual([]);
  });

  test('name the environment in every cdk command, which fails without', () => {
    const commands = documents.flatMap((document) =>
      cdkCommandsIn(readFileSync(join(ROOT, document), 'utf8')).map(
        (command) => `${document}: ${command}`,
      ),
    );
    expect(commands.length).toBeGreaterThanOrEqual(5);
    expect(commands.filter((command) => !/ -c environment=\S/.test(command))).toEqual([]);
  });

  test('a cdk command over two lines is one', () => {
    expect(cdkCommandsIn('`npx cdk` and\nnpx cdk deploy \\\n  -c environment=x\n')).toEqual([
      'npx cdk deploy -c environment=x',
    ]);
  });

  test('a wrong path is noticed', () => {
    expect(pathsNamedIn('see `vault/commit.ts` and `npm test`')).toEqual(['vault/commit.ts']);
    expect(linksIn('[a](docs/FORMAT.md#x) [b](https://example.com)')).toEqual(['docs/FORMAT.md']);
  });

  test('list every error code with its exit status and whether it is retryable', () => {
    const text = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
    const listed = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (yes|no) \|/gm)].map(
      ([, code, exit, retryable]) => ({ code, exit: Number(exit), retryable: retryable === 'yes' }),
    );
    const defined = Object.entries(ERROR_CODES).map(([code, { exit, retryable }]) => ({
      code,
      exit,
      retryable,
    }));
    expect(listed).toEqual(defined);
  });

  test('list every finding of verify, with how bad it is', () => {
    const text = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
    const listed = [...text.matchAll(/^\| `([A-Z_]+)` \| (error|warning) \|/gm)].map(
      ([, code, severity]) => ({ code, severity }),
    );
    const defined = Object.entries(FINDINGS).map(([code, { severity }]) => ({ code, severity }));
    expect(listed).toEqual(defined);
  });

  test("list every cause of a task's end, and whether it is tried again", () => {
    const text = readFileSync(join(ROOT, 'docs/notifications.md'), 'utf8');
    const listed = [...text.matchAll(/^\| `([A-Z_]+)` \| (yes|no|where)/gm)].map(
      ([, cause, again]) => ({ cause, retryable: again === 'yes' }),
    );
    const defined = Object.entries(STOP_CAUSES).map(([cause, { retryable }]) => ({
      cause,
      retryable,
    }));
    expect(listed).toEqual(defined);
  });
});
