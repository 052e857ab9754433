import type { DumpDatabaseOptions, DumpedDatabase } from './database-dump.ts';
import { dumpCustom } from './dump-custom.ts';
import { dumpDirectory } from './dump-directory.ts';
import { dumpPlain } from './dump-plain.ts';

/**
 * Dumps one database in the format that its cluster asks for, and proves the result complete.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE, SPOOL_STALLED, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function dumpDatabase(options: DumpDatabaseOptions): Promise<DumpedDatabase> {
  switch (options.logical.format) {
    case 'directory':
      return await dumpDirectory(options);
    case 'custom':
      return await dumpCustom(options);
    case 'plain':
      return await dumpPlain(options);
    case 'dumpall':
      throw new Error('pg_dumpall dumps no single database');
  }
}
