import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PROGRAM = fileURLToPath(new URL('streamer-process.ts', import.meta.url));

/**
 * Bundles the streamer as the task's image does: run from its sources, Node's own handling of TypeScript
 * takes 50 MB more than what is deployed.
 *
 * @returns the program's path.
 */
export async function bundleStreamer(directory: string): Promise<string> {
  const outfile = join(directory, 'streamer.mjs');
  await build({
    entryPoints: [PROGRAM],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['pg-native'],
    // The encryption SDK is CommonJS and calls require() for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return outfile;
}
