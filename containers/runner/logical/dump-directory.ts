import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { HoldfastError } from '../../../contract/errors.ts';
import type { DirectoryEntry } from '../../../contract/manifest.ts';
import type { PendingStream } from '../../../vault/stream-upload.ts';
import { DumpStream } from '../engine/dump-stream.ts';
import { Child, describeExit } from '../process/child.ts';
import { libpqEnvironment } from '../source/server.ts';
import type { DumpDatabaseOptions, DumpedDatabase } from './database-dump.ts';
import { databaseFacts, streamEntry } from './database-facts.ts';
import { directoryArguments } from './dump-arguments.ts';
import { dumpFailure } from './dump-failure.ts';
import { DumpInventory, isLargeObjectToc, TOC_FILE } from './dump-inventory.ts';
import { parseTocListing, type TocListing } from './toc-listing.ts';

const run = promisify(execFile);

/**
 * Dumps one database in directory format, uploading while it is written, and proves the result
 * complete: the leader exited 0, its workers are gone, and all that the table of contents names has
 * been uploaded.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE, SPOOL_STALLED, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function dumpDirectory(options: DumpDatabaseOptions): Promise<DumpedDatabase> {
  const { database, vault, spoolDirectory } = options;
  const directory = `${spoolDirectory}/db-${database.oid}`;
  const child = await startPgDump(options, directory);
  try {
    const inventory = new DumpInventory();
    const stream = await new DumpStream({
      child,
      directory,
      prefix: `db-${database.oid}`,
      vault,
      spool: options.spool,
      wantsContent: isLargeObjectToc,
      keeps: (name) => name === TOC_FILE,
      onPacked: (name, content) => inventory.add(name, true, content),
      failure: (exit) =>
        dumpFailure('pg_dump', database.name, describeExit(exit), child.stderr.tail),
    }).run();
    for (const name of stream.files.keys()) inventory.add(name, false);
    const listing = await listToc(options, directory);
    inventory.assertComplete(listing, database.name);
    return {
      entry: describe(options, listing, inventory, stream),
      streams: [stream.pack, ...stream.files.values()],
      warnings: child.stderr.warnings.map((warning) => `${database.name}: ${warning}`),
      peakSpoolBytes: stream.peakSpoolBytes,
    };
  } finally {
    await child.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function startPgDump(options: DumpDatabaseOptions, directory: string): Promise<Child> {
  const { server, database, snapshot, jobs, compression, programs, spoolDirectory } = options;
  // pg_dump takes an empty directory, and the follower can look into it from the start.
  await mkdir(directory);
  return Child.start({
    command: programs.pgDump.path,
    args: directoryArguments(options.logical, {
      database: database.name,
      snapshot: snapshot.id,
      directory,
      jobs,
      compression,
    }),
    environment: libpqEnvironment(server),
    cwd: spoolDirectory,
    signal: options.vault.signal,
  });
}

/** Lists the table of contents, the one file of the dump that is still there. */
async function listToc(options: DumpDatabaseOptions, directory: string): Promise<TocListing> {
  try {
    const { stdout } = await run(options.programs.pgRestore.path, ['--list', directory], {
      env: { LC_ALL: 'C.UTF-8' },
      maxBuffer: 1024 * 1024 * 1024,
    });
    return parseTocListing(stdout);
  } catch (cause) {
    throw new HoldfastError(
      'DUMP_INCOMPLETE',
      `The table of contents of database ${options.database.name} cannot be read back.`,
      { hint: 'Nothing was published. Run the backup again.', cause },
    );
  }
}

function describe(
  { database, snapshot, compression }: DumpDatabaseOptions,
  listing: TocListing,
  inventory: DumpInventory,
  stream: { readonly pack: PendingStream; readonly files: ReadonlyMap<string, PendingStream> },
): DirectoryEntry {
  return {
    ...databaseFacts(database, snapshot, compression),
    format: 'directory',
    contents: {
      tocEntries: listing.entries,
      tableData: listing.tableData.length,
      largeObjects: inventory.largeObjects,
    },
    pack: {
      ...streamEntry(stream.pack),
      files: [...inventory.packedFiles],
      largeObjectFiles: inventory.largeObjects,
    },
    files: [...stream.files].map(([name, file]) => ({ name, ...streamEntry(file) })),
  };
}
