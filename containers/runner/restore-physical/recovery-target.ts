/** Where recovery ends. */
export type RecoveryTarget =
  /** With the last WAL that the vault has. */
  | { readonly is: 'latest' }
  /** As soon as the server is consistent: at the base backup's end. */
  | { readonly is: 'immediate' }
  /** PostgreSQL's own format, UTC, with microseconds; `at` is the same to the millisecond. */
  | { readonly is: 'time'; readonly text: string; readonly at: Date }
  | { readonly is: 'lsn'; readonly lsn: string }
  | { readonly is: 'xid'; readonly xid: string }
  | { readonly is: 'name'; readonly name: string };

export const TARGET_ACTIONS = ['promote', 'pause', 'shutdown'] as const;
/** What becomes of the server at its target: writable, to be looked at first, or shut down. */
export type TargetAction = (typeof TARGET_ACTIONS)[number];

/** A target, and how it is met. */
export interface RecoveryGoal {
  readonly target: RecoveryTarget;
  /** Whether what is at the target itself is still replayed. */
  readonly inclusive: boolean;
  /** `latest`: along the newest timeline that comes from the backup's; `current`: the backup's own. */
  readonly timeline: 'latest' | 'current' | number;
  readonly action: TargetAction;
}

/** Microseconds since 1970 of a time: its Date lacks the last three digits. */
export function microsecondsOfTarget({
  at,
  text,
}: Extract<RecoveryTarget, { is: 'time' }>): bigint {
  const [, rest = ''] = /\.\d{3}(\d{1,3})/.exec(text) ?? [];
  return BigInt(at.getTime()) * 1000n + BigInt(rest.padEnd(3, '0'));
}

/** The target as settings of PostgreSQL. */
export function recoverySettings(goal: RecoveryGoal): Record<string, string> {
  const { target, inclusive, timeline, action } = goal;
  const shared = {
    recovery_target_timeline: String(timeline),
    recovery_target_action: action,
    recovery_target_inclusive: inclusive ? 'on' : 'off',
  };
  switch (target.is) {
    case 'latest':
      return shared;
    case 'immediate':
      return { ...shared, recovery_target: 'immediate' };
    case 'time':
      return { ...shared, recovery_target_time: target.text };
    case 'lsn':
      return { ...shared, recovery_target_lsn: target.lsn };
    case 'xid':
      return { ...shared, recovery_target_xid: target.xid };
    case 'name':
      return { ...shared, recovery_target_name: target.name };
  }
}

/** In words: `2026-11-20 03:00:00+00`, `the last WAL`. */
export function describeTarget(target: RecoveryTarget): string {
  switch (target.is) {
    case 'latest':
      return 'the last WAL';
    case 'immediate':
      return "the base backup's end";
    case 'time':
      return target.text;
    case 'lsn':
      return `LSN ${target.lsn}`;
    case 'xid':
      return `transaction ${target.xid}`;
    case 'name':
      return `the restore point "${target.name}"`;
  }
}
