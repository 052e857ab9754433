import type { Command, Option } from 'commander';
import type { BackupKind } from '../contract/names.ts';
import type { PhysicalRestoreOptions } from './physical-options.ts';
import { usageError } from './print-error.ts';
import type { RestoreOptions } from './what-to-restore.ts';

type Name = keyof (RestoreOptions & PhysicalRestoreOptions);

/** Options of `holdfast restore` that either kind of backup has; `--release` knows no kind. */
const OF_BOTH: readonly Name[] = [
  ...(['environment', 'json', 'cluster', 'kind', 'label', 'release'] as const),
  ...(['toFile', 'ca', 'staging', 'pgBin'] as const),
];
const OF_PHYSICAL: readonly Name[] = [
  ...(['directory', 'tablespaceMapping', 'target', 'targetTime', 'targetLsn'] as const),
  ...(['targetXid', 'targetName', 'targetExclusive', 'targetTimeline', 'targetAction'] as const),
  ...(['port', 'keepRunning', 'standby', 'slot'] as const),
];

/**
 * Refuses options that say nothing to this kind of backup: whoever gave them expects another restore
 * than the one that would run.
 *
 * @param command as it was parsed: what has a default counts only where it was given.
 * @throws HoldfastError REQUEST_INVALID
 */
export function assertOptionsOf(kind: BackupKind, command: Command): void {
  const strange = command.options
    .filter((option) => isGiven(option, command))
    .filter((option) => !OF_BOTH.includes(nameOf(option)))
    .filter((option) => OF_PHYSICAL.includes(nameOf(option)) !== (kind === 'physical'))
    .map(({ long }) => long);
  if (strange.length === 0) return;
  const [are, them] = strange.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const what = `${strange.join(', ')} ${are} about`;
  if (kind === 'logical') {
    throw usageError(`${what} physical backups.`, `Add --kind physical, or leave ${them} out.`);
  }
  throw usageError(
    `A physical restore brings back the whole server; ${what} logical backups.`,
    `Leave ${them} out, or restore a logical backup: --kind logical.`,
  );
}

function isGiven(option: Option, command: Command): boolean {
  return command.getOptionValueSource(option.attributeName()) === 'cli';
}

function nameOf(option: Option): Name {
  return option.attributeName() as Name;
}
