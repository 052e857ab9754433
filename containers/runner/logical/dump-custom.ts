import type { DumpDatabaseOptions, DumpedDatabase } from './database-dump.ts';
import { databaseFacts, streamEntry } from './database-facts.ts';
import { customArguments } from './dump-arguments.ts';
import { pipeArchive } from './pipe-dump.ts';

/** Dumps one database as one archive, straight from the program's output into the vault. */
export async function dumpCustom(options: DumpDatabaseOptions): Promise<DumpedDatabase> {
  const { database, snapshot, compression, logical, programs } = options;
  const { stream, warnings, contents } = await pipeArchive({
    server: options.server,
    command: programs.pgDump.path,
    args: customArguments(logical, {
      database: database.name,
      snapshot: snapshot.id,
      compression,
    }),
    name: `db-${database.oid}/dump.custom`,
    what: `database ${database.name}`,
    vault: options.vault,
    cwd: options.spoolDirectory,
    maxBytesPerSecond: options.spool.maxBytesPerSecond,
    pgRestore: programs.pgRestore.path,
  });
  return {
    entry: {
      ...databaseFacts(database, snapshot, compression),
      format: 'custom',
      contents,
      dump: streamEntry(stream),
    },
    streams: [stream],
    warnings,
  };
}
