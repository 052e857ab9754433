/**
 * Bundles the runner and the `holdfast` command into the image's build context, so that `cdk synth`
 * hashes what will run. The functions are bundled by the stacks themselves.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}containers/postgres/dist`;

/** zod brings its messages in fifty languages, a tenth of the bundle and three MiB of a task's memory. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/locales\/index\.js$/ }, ({ path, importer }) =>
      // Another package's are left as they are.
      importer.includes('/node_modules/zod/') ? { path, namespace: 'languages' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'languages' }, () => ({ contents: 'export {};' }));
  },
};

const { outputFiles } = await build({
  entryPoints: [
    { in: `${root}containers/runner/runner.ts`, out: 'runner' },
    {
      in: `${root}containers/runner/engine/spool-guard-thread.ts`,
      out: 'spool-guard-thread',
    },
    {
      in: `${root}containers/runner/physical/check/base-check-thread.ts`,
      out: 'base-check-thread',
    },
    {
      in: `${root}containers/runner/restore-physical/unpack-thread.ts`,
      out: 'unpack-thread',
    },
    {
      in: `${root}vault/encryption/encryption-thread.ts`,
      out: 'encryption-thread',
    },
    { in: `${root}cli/holdfast.ts`, out: 'holdfast' },
  ],
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // pg probes for its optional native binding; nothing installs it.
  external: ['pg-native'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  sourcemap: 'linked',
  sourcesContent: false,
  // The encryption SDK is CommonJS and calls require() for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  plugins: [englishOnly],
  logLevel: 'warning',
  write: false,
});

// What is the same is left alone: somebody else may be building an image of it at this moment.
await mkdir(out, { recursive: true });
for (const name of await readdir(out)) {
  if (!outputFiles.some(({ path }) => basename(path) === name)) {
    await rm(join(out, name), { recursive: true });
  }
}
for (const { path, contents } of outputFiles) {
  const there = await readFile(path).catch(() => undefined);
  if (there === undefined || !there.equals(contents)) await writeFile(path, contents);
}
