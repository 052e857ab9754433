import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cacheDirectory } from '../local-cloud/servers/cache-directory.ts';
import { makeCertificates } from '../local-cloud/servers/certificates.ts';
import { POSTGRES_IMAGE } from '../local-cloud/servers/container.ts';
import { type PostgresServer, startPostgres } from '../local-cloud/servers/postgres.ts';
import { startRun } from '../local-cloud/servers/run.ts';

/** The database that is backed up, in every dataset. */
export const DATABASE = 'bench';

/** What a PostgreSQL primary and its standby hold. */
export interface Dataset {
  readonly script: 'rows.sql' | 'tables.sql';
  /** The script's psql variables. */
  readonly variables: Readonly<Record<string, number>>;
}

/** `scale` 1 is about 1.8 GB with indexes. */
export function rowsDataset(scale: number): Dataset {
  return { script: 'rows.sql', variables: { rows: Math.max(25, Math.round(2_500_000 * scale)) } };
}

/** `scale` 1 is ten thousand tables. */
export function tablesDataset(scale: number): Dataset {
  return { script: 'tables.sql', variables: { tables: Math.max(1, Math.round(10_000 * scale)) } };
}

/** A data directory that belongs to this process until it is released. */
export interface OpenDataset {
  readonly directory: string;
  release(): Promise<void>;
}

/** A copy of a dataset, for what changes the rows: it goes when it is released. */
export async function copyDataset(
  dataset: Dataset,
  log: (line: string) => void,
): Promise<OpenDataset> {
  const { directory, release } = await openDataset(dataset, log);
  const copy = join(directory, 'copy');
  const remove = (): Promise<void> => rm(copy, { recursive: true, force: true });
  try {
    // What a process left that was killed.
    await remove();
    await mkdir(copy);
    for (const server of ['primary', 'standby']) {
      await execa('cp', ['--archive', '--reflink=auto', join(directory, server), copy]);
    }
  } catch (error) {
    await remove();
    await release();
    throw error;
  }
  return {
    directory: copy,
    release: async () => {
      await remove();
      await release();
    },
  };
}

/**
 * A data directory that holds the dataset, from the cache where it lies already: loading takes
 * minutes.
 */
export async function openDataset(
  dataset: Dataset,
  log: (line: string) => void,
): Promise<OpenDataset> {
  const script = fileURLToPath(new URL(dataset.script, import.meta.url));
  const sql = await readFile(script, 'utf8');
  const { stdout: image } = await execa('podman', [
    ...['image', 'inspect', '--format', '{{.Id}}', POSTGRES_IMAGE],
  ]);
  const key = createHash('sha256')
    .update(JSON.stringify([sql, dataset.variables, image]))
    .digest('hex');
  const size = Object.entries(dataset.variables).map(([name, value]) => `${name}-${value}`);
  const directory = join(cacheDirectory(), 'bench', `${size.join('-')}-${key.slice(0, 12)}`);
  await mkdir(directory, { recursive: true });
  const release = await hold(join(directory, 'holder'));
  try {
    const loaded = join(directory, 'loaded');
    const exists = await readFile(loaded).then(
      () => true,
      () => false,
    );
    if (!exists) {
      const began = Date.now();
      log(`loading ${size.join(' ')}; it is kept for the next run`);
      for (const server of ['primary', 'standby']) {
        await rm(join(directory, server), { recursive: true, force: true });
      }
      await load(directory, sql, dataset.variables);
      await writeFile(loaded, `${new Date().toISOString()}\n`);
      log(`loaded in ${Math.round((Date.now() - began) / 1000)} s`);
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { directory, release };
}

async function load(
  dataDirectory: string,
  sql: string,
  variables: Dataset['variables'],
): Promise<void> {
  const run = await startRun();
  try {
    const certificates = await makeCertificates(run);
    const { primary, standby, stop } = await startPostgres({ run, certificates, dataDirectory });
    await primary.query(`create database ${DATABASE}`);
    const settings = Object.entries(variables).flatMap(([name, value]) => [
      '-v',
      `${name}=${value}`,
    ]);
    await primary.exec(
      [
        'psql',
        '-X',
        '-q',
        '-v',
        'ON_ERROR_STOP=1',
        ...settings,
        '-p',
        String(primary.port),
        DATABASE,
      ],
      { input: sql },
    );
    await primary.query('checkpoint');
    await caughtUp(standby);
    await standby.query('checkpoint');
    await Promise.all([stopped(standby), stopped(primary)]);
    await stop();
  } finally {
    await run.stop();
  }
}

/** A long load leaves more to replay than the standby's own patience covers. */
async function caughtUp(standby: { waitForReplay(): Promise<void> }): Promise<void> {
  for (let tries = 20; ; tries -= 1) {
    try {
      return await standby.waitForReplay();
    } catch (error) {
      if (tries === 0) throw error;
    }
  }
}

/** By SIGTERM, as an operator would: what is kept needs no recovery. */
async function stopped({ container }: PostgresServer): Promise<void> {
  await execa('podman', ['stop', '--ignore', '--time', '60', container]);
}

/** Keeps others away from the directory, while this process lives. */
async function hold(file: string): Promise<() => Promise<void>> {
  const claim = (): Promise<void> => writeFile(file, String(process.pid), { flag: 'wx' });
  await claim().catch(async () => {
    const holder = Number(await readFile(file, 'utf8').catch(() => '0'));
    if (holder > 0 && holder !== process.pid && isAlive(holder)) {
      throw new Error(`Process ${holder} uses ${file}'s data: wait for it to end.`);
    }
    await rm(file, { force: true });
    await claim();
  });
  return () => rm(file, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
