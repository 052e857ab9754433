import type { Artifact } from '../../contract/artifacts.ts';
import type { HoldfastError } from '../../contract/errors.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { PendingArtifact } from '../../vault/artifact-upload.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import type { ManifestParts } from './describe-backup.ts';
import type { Log } from './log.ts';
import type { Candidate, ChosenSource } from './source/choose-source.ts';
import type { Access } from './source/server.ts';
import type { Spool } from './spool.ts';
import type { TaskConfiguration } from './task-configuration.ts';

/** What all parts of one run share. */
export interface BackupRun {
  readonly task: TaskConfiguration;
  readonly spool: Spool;
  readonly vault: BackupVault;
  readonly log: Log;
  readonly startedAt: Date;
  /** To be called now and then while the run waits for its source as it should: it does not stand still. */
  readonly waits: () => void;
}

/** Where the cluster's servers are found. */
export interface Reach {
  readonly candidates: readonly Candidate[];
  readonly access: Access;
}

/** How backups of one kind are taken, once that can be. */
export interface BackupKindWork {
  /** Found before any source was asked. */
  readonly warnings: readonly string[];
  /** Why a source that has been chosen will not do for this kind. */
  readonly refuse?: (source: ChosenSource) => Promise<HoldfastError | undefined>;
  /**
   * Takes the backup from its source. What it uploads is gone when it throws.
   *
   * @param vault whose signal ends this attempt.
   */
  readonly take: (source: ChosenSource, vault: BackupVault, reach: Reach) => Promise<TakenBackup>;
}

/** A backup: in S3, proven complete, visible to nobody yet. */
export interface TakenBackup {
  readonly pending: readonly PendingArtifact[];
  /** Seconds by stage; the run adds its own. */
  readonly durations: Record<string, number>;
  /** What the manifest says of this kind besides what it says of all. */
  readonly describe: (parts: ManifestParts) => Manifest;
  /** Done once the artifacts are complete, before the manifest makes the backup exist. */
  readonly beforeManifest?: (artifacts: readonly Artifact[]) => Promise<void>;
  /** What has to be told as a failure though the backup was published. */
  readonly afterwards?: HoldfastError;
}
