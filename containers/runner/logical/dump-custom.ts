import type { DumpDatabaseOptions, DumpedDatabase } from './database-dump.ts';
import { databaseFacts, streamEntry } from './database-facts.ts';
import { customArguments } from './dump-arguments.ts';
import { pipeArchive } from './pipe-dump.ts';
import { RewrittenProof } from './rewritten-proof.ts';

/** Dumps one database as one archive, straight from the program's output into the vault. */
export async function dumpCustom(options: DumpDatabaseOptions): Promise<DumpedDatabase> {
  const { database, snapshot, compression, logical, programs } = options;
  const rewritten = new RewrittenProof(snapshot);
  const { stream, warnings, contents, oids } = await pipeArchive({
    proofs: [rewritten],
    server: options.server,
    command: programs.pgDump.path,
    args: customArguments(logical, {
      database: database.name,
      encoding: database.encoding,
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
  rewritten.assertNone(database.name, oids.data);
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
