import type { Command, Option } from 'commander';
import { parseLabel } from '../contract/label.ts';
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

/** Of `--release`, which looks at a directory alone. */
const OF_RELEASE: readonly Name[] = ['release', 'pgBin', 'kind', 'environment', 'json'];

/** Options that say nothing unless one of others is given. */
const NEEDING: Readonly<Record<BackupKind, readonly (readonly [Name, readonly Name[]])[]>> = {
  logical: [['roles', ['all']]],
  physical: [
    ['slot', ['standby']],
    ['ca', ['standby']],
    ['toFile', ['standby']],
    // Elsewhere PostgreSQL does not look at it: recovery_target_inclusive.
    ['targetExclusive', ['targetTime', 'targetLsn', 'targetXid']],
  ],
};

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
  if (strange.length === 0) {
    assertNeeded(kind, command);
    return;
  }
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

/** @throws HoldfastError REQUEST_INVALID for options that do nothing without another one */
function assertNeeded(kind: BackupKind, command: Command): void {
  const given = command.options.filter((option) => isGiven(option, command));
  for (const [name, needed] of NEEDING[kind]) {
    const option = given.find((one) => nameOf(one) === name);
    if (option === undefined || given.some((one) => needed.includes(nameOf(one)))) continue;
    const others = command.options.filter((one) => needed.includes(nameOf(one)));
    const list = others.map(({ long }) => long).join(', ');
    throw usageError(
      `${option.long} does nothing without ${others.length === 1 ? list : `one of ${list}`}.`,
      'Add that, or leave it out.',
    );
  }
}

/** @throws HoldfastError REQUEST_INVALID for options that `--release` does not look at */
export function assertOptionsOfRelease(command: Command): void {
  const strange = command.options
    .filter((option) => isGiven(option, command) && !OF_RELEASE.includes(nameOf(option)))
    .map(({ long }) => long);
  if (strange.length === 0) return;
  throw usageError(
    `--release ends the quarantine of a directory that is there; ${strange.join(', ')} ${strange.length === 1 ? 'does' : 'do'} nothing with it.`,
    `Leave ${strange.length === 1 ? 'it' : 'them'} out, or leave out --release.`,
  );
}

/** @throws HoldfastError REQUEST_INVALID when the label is one of the other kind */
export function assertLabelOf(kind: BackupKind, label: string | undefined): void {
  const its = label === undefined ? undefined : parseLabel(label)?.kind;
  if (its === undefined || its === kind) return;
  throw usageError(
    `${label} is a ${its} backup.`,
    its === 'physical'
      ? 'Add --kind physical and --directory DIR: it brings back a whole server.'
      : 'Leave out --kind physical, and say which database: --database NAME, or --all.',
  );
}

/** @throws HoldfastError REQUEST_INVALID when `holdfast backup` was given a type without the kind that has one */
export function assertTypeOf(kind: BackupKind, command: Command): void {
  if (kind === 'physical' || command.getOptionValueSource('type') !== 'cli') return;
  throw usageError('--type is about physical backups.', 'Add --kind physical, or leave it out.');
}

function isGiven(option: Option, command: Command): boolean {
  return command.getOptionValueSource(option.attributeName()) === 'cli';
}

function nameOf(option: Option): Name {
  return option.attributeName() as Name;
}
