import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { dumpLogically, type LogicalBackup, type LogicalBackupOptions } from './logical-backup.ts';
import { type BackupLock, takeBackupLock } from './source/backup-lock.ts';
import type { ChosenSource } from './source/choose-source.ts';
import { atCommonPoint } from './source/common-point.ts';
import { whereabouts } from './source/connection-error.ts';

export interface TakeBackupOptions extends LogicalBackupOptions {
  /** Whether replay is paused on a replica, so that all databases show one point. */
  readonly pauseReplay: boolean;
}

export type TakenLogicalBackup = LogicalBackup & Pick<LogicalManifest, 'commonPoint'>;

/**
 * Takes a logical backup from its source, which other backups are told of meanwhile, and whose replay
 * stands still if that was asked for.
 */
export async function takeLogicalBackup(options: TakeBackupOptions): Promise<TakenLogicalBackup> {
  const { source, vault, pauseReplay, log } = options;
  const lock = await takeBackupLock(source.server);
  try {
    const notes = told(source, lock);
    for (const warning of notes) log.warn('preflight warning', { warning });
    const { result, commonPoint, warnings } = await atCommonPoint(
      // While another backup runs the pause may be its own, and then it ends it.
      { source, wanted: pauseReplay && lock.heldBy === undefined, signal: vault.signal, log },
      (pause) => dumpLogically(options, pause),
    );
    return { ...result, commonPoint, warnings: [...notes, ...result.warnings, ...warnings] };
  } finally {
    await lock.release();
  }
}

/** Another backup of the same server does no harm, but each makes the other slower. */
function told({ server }: ChosenSource, { heldBy }: BackupLock): string[] {
  if (heldBy === undefined) return [];
  return [
    `Another backup of ${whereabouts(server)} is running (${heldBy}): let their schedules be further apart.`,
  ];
}
