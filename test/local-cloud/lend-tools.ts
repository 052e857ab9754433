import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { STOCK_TOOLS } from './stock-tools.ts';

/** What a container has to be started with, and where the programs are then. */
export interface LentTools {
  /** As `--volume` takes them. */
  readonly volumes: readonly string[];
  /** In the container; for `PATH`. */
  readonly bin: string;
}

const LENT = '/lent';

/**
 * Lends this machine's programs of the recipes to a container of another Debian release: each runs under
 * the loader and with the libraries that it was made for.
 *
 * @param directory is made.
 */
export async function lendTools(directory: string): Promise<LentTools> {
  await mkdir(directory);
  const python = join(STOCK_TOOLS, 'python3');
  const asked = "import sys, sysconfig; print(sys.base_prefix, sysconfig.get_path('purelib'))";
  const { stdout } = await execa(python, ['-c', asked]);
  const [prefix = '', packages = ''] = stdout.trim().split(' ');
  const mounts = new Map([
    [await realpath(dirname(STOCK_TOOLS)), `${LENT}/stock-tools`],
    [await realpath(prefix), `${LENT}/python`],
    ['/usr', `${LENT}/usr`],
  ]);
  const lent = async (path: string): Promise<string> => {
    const real = await realpath(path);
    const [host = '', inside = ''] =
      [...mounts].find(([root]) => real.startsWith(`${root}/`)) ?? [];
    return `${inside}${real.slice(host.length)}`;
  };
  const put = async (name: string, program: string, script?: string): Promise<void> => {
    const { loader, libraries } = await linkedBy(program);
    const paths = await Promise.all([...libraries, '/usr/lib'].map(lent));
    const home = `PYTHONHOME=${LENT}/python PYTHONPATH=${await lent(packages)}`;
    const words = [
      ...(script === undefined ? ['exec'] : [home, 'exec']),
      ...[await lent(loader), '--library-path', paths.join(':'), await lent(program)],
      ...(script === undefined ? [] : [await lent(script)]),
    ];
    const file = join(directory, name);
    await writeFile(file, `#!/bin/sh\n${words.join(' ')} "$@"\n`, { mode: 0o755 });
  };
  for (const script of ['aws', 'aws-encryption-cli']) {
    await put(script, python, join(STOCK_TOOLS, script));
  }
  for (const name of ['jq', 'zstd']) await put(name, (await execa('which', [name])).stdout);
  return {
    volumes: [[directory, `${LENT}/bin`] as const, ...mounts].map(
      ([host, inside]) => `${host}:${inside}:ro`,
    ),
    bin: `${LENT}/bin`,
  };
}

/** The loader that starts a program, and the directories of the libraries that it finds. */
async function linkedBy(program: string): Promise<{ loader: string; libraries: Set<string> }> {
  const { stdout } = await execa('ldd', [await realpath(program)]);
  const paths = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  const loader = paths.find((path) => basename(path).startsWith('ld-'));
  if (loader === undefined) throw new Error(`${program} is not linked as is expected: ${stdout}`);
  return { loader, libraries: new Set(paths.map(dirname)) };
}
