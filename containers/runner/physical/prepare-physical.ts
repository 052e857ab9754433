import { HoldfastError } from '../../../contract/errors.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { artifactKey } from '../../../contract/vault-keys.ts';
import { VERSION } from '../../../contract/version.ts';
import { extendLocks, type LockedObject } from '../../../vault/extend-locks.ts';
import type { BackupKindWork, BackupRun } from '../backup-run.ts';
import type { ManifestParts } from '../describe-backup.ts';
import { findProgram } from '../process/program.ts';
import { damaged } from './damage.ts';
import type { Member } from './parent.ts';
import { refuseBase } from './preflight.ts';
import { type TakenPhysical, takePhysical } from './take-physical.ts';

/** PostgreSQL's first major that takes incremental backups. */
const INCREMENTAL_FROM = 17;

/**
 * Finds what base backups are made with.
 *
 * @throws HoldfastError CLIENT_MISSING, REQUEST_INVALID
 */
export async function preparePhysical(run: BackupRun): Promise<BackupKindWork> {
  const { task } = run;
  const { physical, postgresMajor } = task.options;
  const { type } = task.request;
  if (type !== 'full' && postgresMajor < INCREMENTAL_FROM) {
    throw new HoldfastError(
      'REQUEST_INVALID',
      `PostgreSQL ${postgresMajor} takes no ${type} backups; ${INCREMENTAL_FROM} and later do.`,
      { hint: 'Ask for a full one.' },
    );
  }
  const program = await findProgram('pg_basebackup', postgresMajor);
  return {
    warnings: [],
    refuse: (source) => refuseBase(source, { type, wal: physical.wal }),
    take: async (source, vault, reach) => {
      const taken = await takePhysical({ run, source, vault, program, reach });
      const { pending, durations } = taken.backup;
      const { parent, damage } = taken;
      return {
        pending,
        durations,
        describe: (parts) => describe(parts, run, taken, program.version),
        // What it rests on must not go before it does.
        beforeManifest: async () => {
          await extendLocks(vault, [...objectsOf(parent?.members ?? []), ...taken.archived]);
        },
        ...(damage.length === 0 ? {} : { afterwards: damaged(vault.label, damage) }),
      };
    },
  };
}

/** All that a chain is made of. */
function* objectsOf(members: readonly Member[]): Generator<LockedObject> {
  for (const { entry, manifest } of members) {
    const { cluster, label, artifacts } = manifest;
    for (const { name, versionId } of artifacts) {
      yield { key: artifactKey(cluster, label, name), versionId };
    }
    yield { key: entry.key, versionId: entry.versionId };
  }
}

function describe(
  parts: ManifestParts,
  { task }: BackupRun,
  { backup, parent, why, damage }: TakenPhysical,
  pgBasebackup: string,
): PhysicalManifest {
  const { checkpoint, wal, compression } = task.options.physical;
  const { type } = task.request;
  const { survey } = backup;
  const instead =
    why === undefined
      ? []
      : [`A full backup was taken, and not the ${type} one asked for: ${why}.`];
  return {
    ...parts,
    kind: 'physical',
    type: parent === undefined ? 'full' : type,
    chain: parent?.members.map(({ manifest }) => manifest.label) ?? [],
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
    damage,
    notIncluded: [...survey.notIncluded],
    warnings: [...parts.warnings, ...instead, ...survey.warnings, ...backup.said],
  };
}
