import { HoldfastError } from '../../../contract/errors.ts';

/** What a base backup's own `backup_label` says. */
export interface BackupLabel {
  /** Where its WAL begins. */
  readonly start: string;
  readonly timeline: number;
  readonly label: string;
}

/**
 * @throws HoldfastError DUMP_INCOMPLETE
 * @see https://www.postgresql.org/docs/17/continuous-archiving.html
 */
export function parseBackupLabel(text: string): BackupLabel {
  const line = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  const start = /^[0-9A-F]+\/[0-9A-F]+/.exec(line('START WAL LOCATION'))?.[0];
  const timeline = Number(line('START TIMELINE'));
  if (start !== undefined && timeline > 0) return { start, timeline, label: line('LABEL') };
  throw new HoldfastError(
    'DUMP_INCOMPLETE',
    'The backup_label in base.tar does not say where the backup starts.',
    { hint: 'Nothing was published. Run the backup again.' },
  );
}
