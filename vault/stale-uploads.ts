import { asHoldfastError, type HoldfastError } from '../contract/errors.ts';
import { parseLabel } from '../contract/label.ts';
import type { BackupKind } from '../contract/names.ts';
import { backupsPrefix, parseArtifactKey } from '../contract/vault-keys.ts';
import { abortUpload } from './artifact-upload.ts';
import type { BackupVault } from './backup-vault.ts';
import { type ListedUpload, listOpenUploads } from './open-uploads.ts';

const MINUTE_MS = 60_000;
/** Beyond the longest run: clocks differ, and a run that is told to end needs a moment. */
const GRACE_MINUTES = 60;
/**
 * How long ECS shows a task that has stopped, minutes: an upload that is older, and of whose task it
 * knows nothing, has nobody left.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
 */
const SHOWN_AFTER_STOP_MINUTES = 60;

/** Labels of the cluster's tasks, as far as whoever runs them knows. */
export interface TaskStates {
  /** Of tasks that have not stopped yet. */
  readonly living: ReadonlySet<string>;
  /** Of tasks that have. */
  readonly stopped: ReadonlySet<string>;
}

export interface StaleUploadsOptions {
  readonly kind: BackupKind;
  /** A run that takes longer has been ended. */
  readonly maxDurationMinutes: number;
  /** Asked only where there is anything to decide. */
  readonly taskStates: () => Promise<TaskStates>;
  readonly now?: Date;
}

/**
 * Aborts what runs of the same cluster and kind left open: uploads whose task has stopped, and where
 * nothing is known of tasks, those begun longer ago than any run may take. What belongs to a living
 * task is left alone, whatever its age. Never throws: a backup does not fail because an old upload
 * could not be cleared away.
 */
export async function abortStaleUploads(
  vault: BackupVault,
  { kind, maxDurationMinutes, taskStates, now = new Date() }: StaleUploadsOptions,
): Promise<{ aborted: number; failures: HoldfastError[] }> {
  const failures: HoldfastError[] = [];
  let aborted = 0;
  try {
    const open = await openUploadsOf(vault, kind);
    if (open.length === 0) return { aborted, failures };
    const states = await taskStates().catch((error: unknown) => {
      failures.push(asHoldfastError(error));
      return undefined;
    });
    for (const upload of open) {
      const minutes = (now.getTime() - upload.initiated.getTime()) / MINUTE_MS;
      if (!isStale(upload.label, minutes, states, maxDurationMinutes)) continue;
      const failure = await abortUpload(vault, upload.key, upload.uploadId);
      if (failure === undefined) aborted += 1;
      else failures.push(failure);
    }
  } catch (error) {
    failures.push(asHoldfastError(error));
  }
  return { aborted, failures };
}

/** Of other backups of the cluster and kind. */
async function openUploadsOf(
  vault: BackupVault,
  kind: BackupKind,
): Promise<(ListedUpload & { readonly label: string })[]> {
  const found: (ListedUpload & { readonly label: string })[] = [];
  for await (const upload of listOpenUploads(vault, backupsPrefix(vault.cluster))) {
    const label = parseArtifactKey(upload.key)?.label;
    if (label === undefined || label === vault.label) continue;
    if (parseLabel(label)?.kind === kind) found.push({ ...upload, label });
  }
  return found;
}

function isStale(
  label: string,
  minutes: number,
  states: TaskStates | undefined,
  maxDurationMinutes: number,
): boolean {
  if (states === undefined) return minutes > maxDurationMinutes + GRACE_MINUTES;
  if (states.living.has(label)) return false;
  // A task that was started just now may not be shown yet; one that stopped is, for an hour.
  return states.stopped.has(label) || minutes > SHOWN_AFTER_STOP_MINUTES;
}
