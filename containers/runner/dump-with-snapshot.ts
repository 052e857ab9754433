import type { ClusterOptions } from '../../contract/cluster-options.ts';
import { HoldfastError } from '../../contract/errors.ts';
import type { LogicalOptions } from '../../contract/logical-options.ts';
import type { NotIncluded } from '../../contract/manifest-base.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import type { Log } from './log.ts';
import { dumpDatabase } from './logical/dump-database.ts';
import type { Program } from './process/program.ts';
import type { ChosenSource } from './source/choose-source.ts';
import { lagUnder } from './source/common-point.ts';
import { connectionError } from './source/connection-error.ts';
import type { SourceDatabase } from './source/databases.ts';
import { fallenBehind } from './source/fallen-behind.ts';
import { assertStillPaused, type ReplayPause } from './source/replay-pause.ts';
import { takeSnapshot } from './source/snapshot.ts';
import { assertSameServer } from './source/verify-unchanged.ts';
import type { Spool } from './spool.ts';

/** What every dump of one run has in common. */
export interface DumpOptions {
  readonly source: ChosenSource;
  readonly jobs: number;
  readonly compression: string;
  readonly logical: LogicalOptions;
  /** How far behind a replica may be. */
  readonly allowed: Pick<ClusterOptions, 'maxReplayLagSeconds' | 'unknownLag'>;
  readonly log: Log;
  readonly programs: Readonly<Record<'pgDump' | 'pgDumpall' | 'pgRestore', Program>>;
  readonly spool: Spool;
  readonly vault: BackupVault;
}

/** What a dump has to say besides itself. */
export interface Told {
  readonly notIncluded: NotIncluded[];
  readonly warnings: string[];
}

/**
 * Dumps one database as a snapshot of its own shows it, once that is known to come from the chosen
 * server, and from where replay stands still if it does.
 *
 * @param told takes what will not be in the dump, and what the manifest has to warn of.
 */
export async function dumpWithSnapshot(
  options: DumpOptions,
  database: SourceDatabase,
  { notIncluded, warnings }: Told,
  pause: ReplayPause | undefined,
): ReturnType<typeof dumpDatabase> {
  const { source, programs, spool, log } = options;
  const snapshot = await takeSnapshot(source.server, database).catch((error: unknown) => {
    throw vanished(error, database.name) ?? connectionError(error, source.server);
  });
  try {
    // The very session that the dump's snapshot comes from.
    assertSameServer(source, snapshot.survey);
    if (pause !== undefined) assertStillPaused(source.server, pause, snapshot.survey.lsn);
    else {
      const warning = await fallenBehind(source, snapshot.survey, database.name, options.allowed);
      if (warning !== undefined) {
        log.warn('replica fell behind', { warning });
        warnings.push(warning);
      }
    }
    // What is left out need not be readable; then pg_dump itself finds out.
    if (snapshot.missingRights !== undefined && takesEverything(options.logical)) {
      throw snapshot.missingRights;
    }
    if (snapshot.hiddenUserMappings > 0) {
      notIncluded.push({
        what: `the options of user mappings (${snapshot.hiddenUserMappings})`,
        why: 'only a superuser may read them, for they may hold passwords',
        database: database.name,
      });
    }
    if (source.survey.inRecovery && snapshot.unloggedTables > 0) {
      notIncluded.push({
        what: `the rows of unlogged tables (${snapshot.unloggedTables})`,
        why: 'a replica does not have them',
        database: database.name,
      });
    }
    if (source.survey.inRecovery && snapshot.unloggedSequences > 0) {
      notIncluded.push({
        what: `the values of unlogged sequences (${snapshot.unloggedSequences})`,
        why: 'a replica does not have them: they begin anew',
        database: database.name,
      });
    }
    return await dumpDatabase({
      server: source.server,
      database,
      snapshot:
        pause === undefined
          ? snapshot
          : { ...snapshot, survey: lagUnder(pause, snapshot.takenAt, snapshot.survey) },
      jobs: options.jobs,
      compression: options.compression,
      logical: options.logical,
      programs,
      spoolDirectory: spool.directory,
      spool,
      vault: options.vault,
    });
  } finally {
    await snapshot.release();
  }
}

/** SQLSTATE of a database that is not there. */
const NO_SUCH_DATABASE = '3D000';

/** A database that was listed and is gone: the next try lists anew. */
function vanished(error: unknown, database: string): HoldfastError | undefined {
  if ((error as { code?: string }).code !== NO_SUCH_DATABASE) return undefined;
  return new HoldfastError(
    'SOURCE_CHANGED',
    `The database ${database} has gone since the backup began.`,
    { hint: 'Run the backup again if it does not do so by itself.', cause: error },
  );
}

/** Whether the dump reads all that a database holds. */
function takesEverything(logical: LogicalOptions): boolean {
  const filters = [
    logical.schemas,
    logical.excludeSchemas,
    logical.tables,
    logical.excludeTables,
    logical.excludeTableData,
  ];
  return filters.every(({ length }) => length === 0) && logical.largeObjects;
}
