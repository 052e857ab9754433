import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { VERSION } from '../../contract/version.ts';
import type { BackupKindWork, BackupRun } from './backup-run.ts';
import type { ManifestParts } from './describe-backup.ts';
import { readPreviousBackup } from './previous-backup.ts';
import { findProgram } from './process/program.ts';
import {
  type TakeBackupOptions,
  type TakenLogicalBackup,
  takeLogicalBackup,
} from './take-logical-backup.ts';

/** Finds what logical backups are made with, and what the last one said. */
export async function prepareLogical({
  task,
  spool,
  vault,
  log,
}: BackupRun): Promise<BackupKindWork> {
  const { jobs, compression, logical, pauseReplay, postgresMajor } = task.options;
  const [programs, previous] = await Promise.all([
    findPrograms(postgresMajor),
    readPreviousBackup(vault, task.cluster),
  ]);
  return {
    warnings: previous.warnings,
    take: async (source, attemptVault) => {
      const backup = await takeLogicalBackup({
        ...{ source, jobs, compression, logical, pauseReplay, spool, vault: attemptVault, log },
        ...{ programs, previous: previous.manifest, allowed: task.options },
      });
      return {
        pending: backup.pending,
        durations: backup.durations,
        describe: (parts) => describe(parts, backup, programs.pgDump.version),
      };
    },
  };
}

async function findPrograms(major: number): Promise<TakeBackupOptions['programs']> {
  const [pgDump, pgDumpall, pgRestore] = await Promise.all([
    findProgram('pg_dump', major),
    findProgram('pg_dumpall', major),
    findProgram('pg_restore', major),
  ]);
  return { pgDump, pgDumpall, pgRestore };
}

function describe(
  parts: ManifestParts,
  backup: TakenLogicalBackup,
  pgDumpVersion: string,
): LogicalManifest {
  return {
    ...parts,
    kind: 'logical',
    type: 'full',
    server: backup.server,
    commonPoint: backup.commonPoint,
    versions: { holdfast: VERSION, pgDump: pgDumpVersion, node: process.versions.node },
    globals: backup.globals,
    databases: backup.databases,
    dumpAll: backup.dumpAll,
    notIncluded: backup.notIncluded,
    warnings: [...parts.warnings, ...backup.warnings],
  };
}
