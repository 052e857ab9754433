import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { VERSION } from '../../../contract/version.ts';
import type { BackupKindWork, BackupRun } from '../backup-run.ts';
import type { ManifestParts } from '../describe-backup.ts';
import { findProgram } from '../process/program.ts';
import { type PhysicalBackup, takeBase } from './physical-backup.ts';

/** Finds what base backups are made with. */
export async function preparePhysical(run: BackupRun): Promise<BackupKindWork> {
  const { task, spool, log } = run;
  const { physical, maxRateMiBPerSecond, postgresMajor } = task.options;
  const program = await findProgram('pg_basebackup', postgresMajor);
  return {
    warnings: [],
    take: async (source, vault) => {
      const backup = await takeBase({
        ...{ source, program, physical, maxRateMiBPerSecond, spool, vault, log },
        ...{ verifyChecksums: true, parentManifest: undefined },
      });
      return {
        pending: backup.pending,
        durations: backup.durations,
        describe: (parts) => describe(parts, run, backup, program.version),
      };
    },
  };
}

function describe(
  parts: ManifestParts,
  { task }: BackupRun,
  backup: PhysicalBackup,
  pgBasebackup: string,
): PhysicalManifest {
  const { checkpoint, wal, compression } = task.options.physical;
  const { survey } = backup;
  return {
    ...parts,
    kind: 'physical',
    type: 'full',
    chain: [],
    server: survey.server,
    versions: { holdfast: VERSION, pgBasebackup, node: process.versions.node },
    ...{ checkpoint, wal, compression },
    start: backup.start,
    stop: backup.stop,
    base: backup.base,
    walTar: backup.walTar,
    backupManifest: backup.backupManifest,
    tablespaces: backup.tablespaces,
    files: backup.files,
    databases: survey.databases,
    damage: [],
    notIncluded: [...survey.notIncluded],
    warnings: [...parts.warnings, ...survey.warnings, ...backup.said],
  };
}
