import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import type {
  DirectoryEntry,
  DumpFile,
  LogicalManifest,
} from '../../../contract/logical-manifest.ts';
import { PACK_INVENTORY, parsePackInventory } from '../../../contract/pack-inventory.ts';
import { type ArtifactReader, readArtifactStream } from '../../../vault/fetch-artifact.ts';
import { assertInventory, assertNamed } from './check-streams.ts';
import { type DumpToc, parseDumpToc } from './dump-toc.ts';
import type { DataStream } from './load-dump.ts';
import { FILE_SUFFIXES, type FileSuffix } from './table-archive.ts';
import { unpackFiles, writeDumpFile } from './unpack-files.ts';
import { doWork, type Work } from './work-pool.ts';

/** Streams fetched and decrypted at a time: enough to hide S3's latency, each a few MiB of memory. */
const STREAMS = 3;
/** Data of one table, in a form that can be put into an archive of its own. */
const TABLE_DATA = /^(\d+\.dat)(\.\w+)?$/;
const LARGE_OBJECT = /^blob_\d+\.dat/;

export interface StagedDirectory {
  readonly toc: DumpToc;
  /** Big tables, which are not staged. */
  readonly streams: readonly DataStream[];
}

/**
 * Puts a database's dump together again in a directory that `pg_restore` reads, but for big tables,
 * and makes sure that it is all there: every file that the manifest names, and every file that the
 * dump's own table of contents names.
 *
 * @param onStreamed called with the size of each piece of a big table that arrived, cipher text, bytes.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function stageDump(
  reader: ArtifactReader,
  manifest: LogicalManifest,
  database: DirectoryEntry,
  directory: string,
  onStreamed?: (bytes: number) => void,
): Promise<StagedDirectory> {
  for (const file of database.files) assertNamed(file, `db-${database.oid}/${file.name}`);
  assertNamed(database.pack, `db-${database.oid}/pack.tar`);
  const fetchPack: Work = async (signal) => {
    const pack = readArtifactStream({ ...reader, signal }, manifest, database.pack);
    comparePack(database, await unpackFiles(pack, directory));
    return [];
  };
  const fetchFile = (file: DumpFile): Work => {
    return async (signal) => {
      const bytes = readArtifactStream({ ...reader, signal }, manifest, file);
      await writeDumpFile(directory, file.name, bytes);
      return [];
    };
  };
  const files = database.files.filter((file) => !isStreamed(file)).map(fetchFile);
  await doWork([fetchPack, ...files], STREAMS, reader.signal);
  const inventory = await readFile(join(directory, PACK_INVENTORY), 'utf8');
  assertInventory(manifest, database, parsePackInventory(inventory));
  const toc = await completeToc(directory, database);
  const streams = database.files.filter(isStreamed).map((file) => ({
    ...streamOf(toc, file),
    read: (over: AbortSignal) => {
      const until = AbortSignal.any([over, ...(reader.signal ? [reader.signal] : [])]);
      const fetching = { ...reader, signal: until, ...(onStreamed && { onFetched: onStreamed }) };
      return readArtifactStream(fetching, manifest, file);
    },
  }));
  return { toc, streams };
}

/** Whether a file is loaded while it is fetched; the others lie on the disk meanwhile. */
export function isStreamed({ name }: { readonly name: string }): boolean {
  return suffixOf(name) !== undefined;
}

function suffixOf(name: string): FileSuffix | undefined {
  const [matches, , suffix = ''] = TABLE_DATA.exec(name) ?? [];
  return matches === undefined ? undefined : FILE_SUFFIXES.find((one) => one === suffix);
}

function streamOf(toc: DumpToc, { name, bytes }: DumpFile): Omit<DataStream, 'read'> {
  const suffix = suffixOf(name);
  const file = TABLE_DATA.exec(name)?.[1];
  const entry = toc.entries.find((one) => one.file === file);
  if (suffix === undefined || entry === undefined) throw unnamed(name);
  return { dumpId: entry.dumpId, bytes, suffix };
}

function unnamed(file: string): HoldfastError {
  return new HoldfastError(
    'VAULT_INTEGRITY',
    `The dump has a file ${file} that its table of contents does not name.`,
    { hint: 'Nothing was restored. Use another backup, and report this one.' },
  );
}

function comparePack({ name, pack }: DirectoryEntry, found: readonly string[]): void {
  const unpacked = new Set(found);
  const missing = pack.files.find((file) => !unpacked.has(file));
  if (missing !== undefined) throw incomplete(name, `the pack lacks ${missing}`);
  if (!unpacked.has(PACK_INVENTORY)) throw incomplete(name, `the pack lacks ${PACK_INVENTORY}`);
  const named = new Set([...pack.files, PACK_INVENTORY]);
  const others = found.filter((file) => !named.has(file));
  const alien = others.find((file) => !LARGE_OBJECT.test(file));
  if (alien !== undefined) throw incomplete(name, `the pack holds ${alien}, which is not named`);
  if (others.length !== pack.largeObjectFiles) {
    throw incomplete(name, `${others.length} of ${pack.largeObjectFiles} large objects are there`);
  }
}

async function completeToc(
  directory: string,
  { name, files: big }: DirectoryEntry,
): Promise<DumpToc> {
  const files = new Set([...(await readdir(directory)), ...big.map((file) => file.name)]);
  if (!files.has('toc.dat')) throw incomplete(name, 'there is no toc.dat');
  const toc = parseDumpToc(await readFile(join(directory, 'toc.dat')));
  for (const { file } of toc.entries) {
    if (file === '' || ['', '.zst', '.gz', '.lz4'].some((suffix) => files.has(file + suffix))) {
      continue;
    }
    throw incomplete(name, `its table of contents names ${file}, which is not there`);
  }
  return toc;
}

function incomplete(database: string, found: string): HoldfastError {
  return new HoldfastError(
    'VAULT_INTEGRITY',
    `The dump of "${database}" is incomplete: ${found}.`,
    {
      hint: 'Nothing was restored. Use another backup, and report this one.',
    },
  );
}
