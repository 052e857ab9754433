import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import type { DirectoryEntry } from '../../../contract/logical-manifest.ts';
import type { PendingStream } from '../../../vault/stream-upload.ts';
import { DumpStream } from '../engine/dump-stream.ts';
import { Child, describeExit } from '../process/child.ts';
import { linesOf } from '../process/lines.ts';
import { libpqEnvironment } from '../source/server.ts';
import type { DumpDatabaseOptions, DumpedDatabase } from './database-dump.ts';
import { databaseFacts, streamEntry } from './database-facts.ts';
import { directoryArguments } from './dump-arguments.ts';
import { dumpFailure } from './dump-failure.ts';
import { DumpInventory, isLargeObjectToc, TOC_FILE } from './dump-inventory.ts';
import { assertRowsSeen } from './rewritten-proof.ts';
import { parseTocListing, type TocListing } from './toc-listing.ts';

/**
 * Dumps one database in directory format, uploading while it is written, and proves the result
 * complete: the leader exited 0, its workers are gone, and all that the table of contents names has
 * been uploaded.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE, SOURCE_CHANGED, SPOOL_STALLED, VAULT_DENIED,
 * VAULT_UNAVAILABLE
 */
export async function dumpDirectory(options: DumpDatabaseOptions): Promise<DumpedDatabase> {
  const { database, vault, spoolDirectory } = options;
  const directory = `${spoolDirectory}/db-${database.oid}`;
  const child = await startPgDump(options, directory);
  try {
    const inventory = new DumpInventory();
    let listing: TocListing | undefined;
    const stream = await new DumpStream({
      child,
      directory,
      prefix: `db-${database.oid}`,
      jobs: options.jobs,
      vault,
      spool: options.spool,
      alwaysPacks: (name) => name === TOC_FILE || isLargeObjectToc(name),
      onPacked: async (name, path) => {
        inventory.add(name, true);
        // pg_dump writes the table of contents first and whole; it is not kept in the spool until
        // the end, because that of a database with very many tables would fill it.
        if (name === TOC_FILE) {
          listing = await listToc(options, directory);
          // It holds a lock on each of its tables by now.
          const rewritten = await options.snapshot.rewritten();
          assertRowsSeen(database.name, rewritten, listing.oids.data);
        }
        if (isLargeObjectToc(name)) await inventory.addObjectToc(linesOf(createReadStream(path)));
      },
      failure: (exit) =>
        dumpFailure('pg_dump', database.name, describeExit(exit), child.stderr.tail),
    }).run();
    for (const name of stream.files.keys()) inventory.add(name, false);
    const promised = inventory.assertComplete(listing, database.name);
    return {
      entry: describe(options, promised, inventory, stream),
      streams: [stream.pack, ...stream.files.values()],
      warnings: child.stderr.warnings,
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
      encoding: database.encoding,
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

/** Lists the table of contents that lies in the dump's directory. */
async function listToc(options: DumpDatabaseOptions, directory: string): Promise<TocListing> {
  const child = await Child.start({
    command: options.programs.pgRestore.path,
    args: ['--list', directory],
    environment: { LC_ALL: 'C.UTF-8' },
    cwd: options.spoolDirectory,
    signal: options.vault.signal,
  });
  const listing = await parseTocListing(linesOf(child.stdout));
  const exit = await child.groupGone();
  if (exit.code === 0) return listing;
  throw new HoldfastError(
    'DUMP_INCOMPLETE',
    `The table of contents of database ${options.database.name} cannot be read back: pg_restore ended with ${describeExit(exit)}: ${child.stderr.tail}`,
    { hint: 'Nothing was published. Run the backup again.' },
  );
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
      largeObjectFiles: inventory.packedLargeObjects,
    },
    files: [...stream.files].map(([name, file]) => ({ name, ...streamEntry(file) })),
  };
}
