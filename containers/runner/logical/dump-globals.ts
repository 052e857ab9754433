import type { LogicalOptions } from '../../../contract/logical-options.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { Program } from '../process/program.ts';
import type { Server } from '../source/server.ts';
import { globalsArguments } from './dump-arguments.ts';
import { type PipedDump, pipeSql } from './pipe-dump.ts';

export interface DumpGlobalsOptions {
  readonly server: Server;
  readonly program: Program;
  readonly logical: LogicalOptions;
  readonly vault: BackupVault;
  readonly cwd: string;
}

/**
 * Uploads roles, memberships, role settings and tablespaces as plain SQL; with the roles' password
 * verifiers only where the configuration asks for them.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE
 */
export async function dumpGlobals(options: DumpGlobalsOptions): Promise<PipedDump> {
  const { server, program, logical, vault, cwd } = options;
  return await pipeSql({
    server,
    command: program.path,
    args: globalsArguments(logical, server.target.database),
    name: 'globals.sql',
    what: 'the globals',
    vault,
    cwd,
    program: 'pg_dumpall',
    compression: 'none',
  });
}
