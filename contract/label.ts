import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BACKUP_KINDS, BACKUP_TYPES, type BackupKind, type BackupType } from './names.ts';

const PATTERN = new RegExp(
  `^(\\d{8}T\\d{6}Z)-(${BACKUP_KINDS.join('|')})-(${BACKUP_TYPES.join('|')})-([0-9a-f]{6})$`,
);

/** A backup's sortable id, such as `20261120T030000Z-logical-full-7f3a9c`. */
export const Label = z
  .string()
  .regex(PATTERN, 'must look like 20261120T030000Z-logical-full-7f3a9c');

export interface LabelParts {
  /** ISO 8601, UTC, whole seconds. */
  readonly time: string;
  readonly kind: BackupKind;
  readonly type: BackupType;
  /** Six hexadecimal digits. */
  readonly suffix: string;
}

/** Whatever asked for a backup: equal askings give equal labels. */
export interface LabelSource {
  readonly cluster: string;
  readonly kind: BackupKind;
  readonly type: BackupType;
  /** The schedule's name, or the request's id. */
  readonly askedBy: string;
  /** The scheduled time, or the request's `requestedAt`: ISO 8601. */
  readonly time: string;
  /** Our own retry number: 0 at first; the platform's retries do not raise it. */
  readonly attempt: number;
}

/**
 * The label for a request. A repeated invocation gets the same one, so that it starts nothing twice.
 *
 * @throws RangeError when `time` is no date.
 */
export function labelFor(source: LabelSource): string {
  const time = compact(new Date(source.time).toISOString());
  const suffix = createHash('sha256')
    .update(
      JSON.stringify([source.cluster, source.kind, source.askedBy, time, source.attempt]),
      'utf8',
    )
    .digest('hex')
    .slice(0, 6);
  return `${time}-${source.kind}-${source.type}-${suffix}`;
}

/** Takes a label apart; `undefined` if it is none. */
export function parseLabel(label: string): LabelParts | undefined {
  const match = PATTERN.exec(label);
  if (match === null) return undefined;
  const [, time, kind, type, suffix] = match as unknown as [
    string,
    string,
    BackupKind,
    BackupType,
    string,
  ];
  return { time: expand(time), kind, type, suffix };
}

function compact(iso: string): string {
  return `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

function expand(time: string): string {
  return time.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z');
}
