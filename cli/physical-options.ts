import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type RecoveryGoal,
  type RecoveryTarget,
  TARGET_ACTIONS,
  type TargetAction,
} from '../containers/runner/restore-physical/recovery-target.ts';
import { formatLsn, parseLsn } from '../contract/wal-segments.ts';
import { usageError } from './print-error.ts';

/** `holdfast restore --kind physical`, as commander reads it. */
export interface PhysicalRestoreOptions {
  readonly directory?: string | undefined;
  readonly tablespaceMapping?: ReadonlyMap<string, string> | undefined;
  readonly target?: 'latest' | 'immediate' | undefined;
  readonly targetTime?: RecoveryTarget | undefined;
  readonly targetLsn?: RecoveryTarget | undefined;
  readonly targetXid?: RecoveryTarget | undefined;
  readonly targetName?: string | undefined;
  readonly targetExclusive: boolean;
  readonly targetTimeline?: RecoveryGoal['timeline'] | undefined;
  readonly targetAction: TargetAction;
  readonly port?: number | undefined;
  readonly keepRunning: boolean;
  readonly release?: string | undefined;
  /** A URI, or whether it is found elsewhere. */
  readonly standby?: string | true | undefined;
  readonly slot: string;
}

const TIME =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s*(Z|[+-]\d\d(?::?\d\d)?)$/i;

/** Adds what is about physical backups alone. */
export function addPhysicalOptions(command: Command): Command {
  return command
    .option('--directory <DIR>', 'physical: the data directory, empty or to be made')
    .option(
      '--tablespace-mapping <OLD=NEW>',
      'physical: put the tablespace that the source has in OLD into NEW, empty; may be repeated; without it, below the data directory',
      mapping,
    )
    .addOption(
      new Option(
        '--target <TARGET>',
        "physical: with the last WAL there is, or as soon as the server is consistent, at the base backup's end; latest unless another target is given",
      ).choices(['latest', 'immediate']),
    )
    .option(
      '--target-time <TIME>',
      'physical: to this time, with its offset: 2026-11-20T03:00:00Z',
      time,
    )
    .option('--target-lsn <LSN>', 'physical: to this position in the WAL', lsn)
    .option('--target-xid <XID>', 'physical: to the end of this transaction', xid)
    .option('--target-name <NAME>', 'physical: to this restore point (pg_create_restore_point)')
    .option(
      '--target-exclusive',
      'physical: stop right before the target: a time, a position or a transaction',
      false,
    )
    .option(
      '--target-timeline <TIMELINE>',
      "physical: latest, current (the backup's own), or a number; latest unless given",
      timeline,
    )
    .addOption(
      new Option(
        '--target-action <ACTION>',
        'physical: at the target, make the server writable, wait to be looked at, or shut down',
      )
        .choices(TARGET_ACTIONS)
        .default('promote'),
    )
    .option('--port <N>', 'physical: of the server on 127.0.0.1; a free one unless given', port)
    .option(
      '--keep-running',
      'physical: leave the server up, in quarantine, until this command is ended',
      false,
    )
    .option(
      '--standby [URI]',
      'physical: a standby of this server instead; without a URI that of --to-file or HOLDFAST_RESTORE_URI',
    )
    .option(
      '--slot <NAME>',
      'physical: the replication slot of the standby, made where it is missing',
      slot,
      'holdfast_standby',
    )
    .option(
      '--release <DIR>',
      'end the quarantine of a restored data directory: give it its own configuration back',
    );
}

/**
 * The one target that the options give.
 *
 * @throws HoldfastError REQUEST_INVALID when they give several, or what cannot be
 */
export function goalOf(options: PhysicalRestoreOptions): RecoveryGoal {
  const { target, targetTime, targetLsn, targetXid, targetName } = options;
  const given: RecoveryTarget[] = [
    ...(target === undefined ? [] : [{ is: target }]),
    ...[targetTime, targetLsn, targetXid].filter((one) => one !== undefined),
    ...(targetName === undefined ? [] : [{ is: 'name' as const, name: targetName }]),
  ];
  if (options.standby !== undefined) {
    if (given.length > 0 || options.targetAction !== 'promote') {
      throw usageError(
        'A standby follows its primary to its end, and has no target.',
        'Leave out --standby, or the --target… options.',
      );
    }
    // Anything that is consistent will do to begin with.
    given.push({ is: 'immediate' });
  }
  if (given.length > 1) {
    throw usageError('Several targets were given.', 'Give one --target… option.');
  }
  const goal: RecoveryGoal = {
    target: given[0] ?? { is: 'latest' },
    inclusive: !options.targetExclusive,
    timeline: options.targetTimeline ?? 'latest',
    action: options.targetAction,
  };
  if (goal.target.is === 'latest' && goal.action !== 'promote') {
    throw usageError(
      `Without a target recovery ends with the last WAL, and never in "${goal.action}".`,
      'Give a target, such as --target-time, or leave out --target-action.',
    );
  }
  return goal;
}

/** @throws HoldfastError REQUEST_INVALID */
export function directoryOf({ directory }: { readonly directory?: string | undefined }): string {
  if (directory !== undefined && directory !== '') return resolve(directory);
  throw usageError(
    'Where to restore was not said.',
    'Give --directory DIR, an empty data directory.',
  );
}

function mapping(text: string, before: ReadonlyMap<string, string> = new Map()) {
  const [, old, to] = /^((?:[^=\\]|\\.)+)=((?:[^=\\]|\\.)+)$/.exec(text) ?? [];
  if (old === undefined || to === undefined) {
    throw new InvalidArgumentError('It must be OLD=NEW; an equals sign in a name is written \\=.');
  }
  const plain = (path: string) => path.replace(/\\(.)/g, '$1');
  return new Map([...before, [plain(old), plain(to)]]);
}

function time(text: string): RecoveryTarget {
  const [, day, clock = '', offset = ''] = TIME.exec(text.trim()) ?? [];
  const zone = offset.toUpperCase() === 'Z' ? '+00' : offset;
  const full = /^\d\d:\d\d$/.test(clock) ? `${clock}:00` : clock;
  // Milliseconds are what a Date has; PostgreSQL gets all digits.
  const at = new Date(
    `${day}T${full.replace(/(\.\d{3})\d+$/, '$1')}${zone.replace(/^(...):?(..)?$/, (_, hours, minutes = '00') => `${hours}:${minutes}`)}`,
  );
  // A Date makes 2 March of 30 February, and PostgreSQL refuses it once all is fetched.
  const isThatDay = () => new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) === day;
  if (day === undefined || Number.isNaN(at.getTime()) || !isThatDay()) {
    throw new InvalidArgumentError(
      'It must be a time with its offset, such as 2026-11-20T03:00:00Z or 2026-11-20 04:00:00+01.',
    );
  }
  return { is: 'time', text: `${day} ${full}${zone}`, at };
}

function lsn(text: string): RecoveryTarget {
  return { is: 'lsn', lsn: formatLsn(position(text)) };
}

/** @throws InvalidArgumentError when it is no position in the WAL */
export function position(text: string): bigint {
  try {
    return parseLsn(text);
  } catch {
    throw new InvalidArgumentError('It must be a position such as 0/3000028.');
  }
}

function xid(text: string): RecoveryTarget {
  if (!/^\d{1,20}$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return { is: 'xid', xid: text };
}

function timeline(text: string): RecoveryGoal['timeline'] {
  if (text === 'latest' || text === 'current') return text;
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be latest, current, or a number.');
}

function slot(text: string): string {
  if (/^[a-z0-9_]{1,63}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 63 characters out of a-z, 0-9 and _.');
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new InvalidArgumentError('It must be a number from 1 to 65535.');
}
