import type { DumpDatabaseOptions, DumpedDatabase } from './database-dump.ts';
import { databaseFacts, streamEntry } from './database-facts.ts';
import { plainArguments, schemaArguments } from './dump-arguments.ts';
import { pipeArchive, pipeSql } from './pipe-dump.ts';
import { RewrittenProof } from './rewritten-proof.ts';
import { compressedSuffix } from './stream-compression.ts';

/**
 * Dumps one database as plain SQL, and its schema once more as an archive: from that a restore
 * learns how to make the database, and which roles it needs.
 */
export async function dumpPlain(options: DumpDatabaseOptions): Promise<DumpedDatabase> {
  const { database, snapshot, compression, logical, programs } = options;
  const { name, encoding } = database;
  const target = { database: name, encoding, snapshot: snapshot.id };
  const common = {
    server: options.server,
    command: programs.pgDump.path,
    what: `database ${database.name}`,
    vault: options.vault,
    cwd: options.spoolDirectory,
    maxBytesPerSecond: options.spool.maxBytesPerSecond,
  };
  const rewritten = new RewrittenProof(snapshot);
  const dump = await pipeSql({
    ...common,
    proofs: [rewritten],
    args: plainArguments(logical, target),
    name: `db-${database.oid}/dump.sql${compressedSuffix(compression)}`,
    program: 'pg_dump',
    compression,
  });
  // Its warnings are those of the dump itself.
  const schema = await pipeArchive({
    ...common,
    args: schemaArguments(logical, { ...target, compression }),
    name: `db-${database.oid}/schema.custom`,
    pgRestore: programs.pgRestore.path,
  });
  // Plain SQL does not say whose rows it holds.
  if (!logical.schemaOnly) rewritten.assertNone(database.name, schema.oids.tables);
  return {
    entry: {
      ...databaseFacts(database, snapshot, compression),
      format: 'plain',
      dump: streamEntry(dump.stream),
      schema: streamEntry(schema.stream),
    },
    streams: [dump.stream, schema.stream],
    warnings: dump.warnings,
  };
}
