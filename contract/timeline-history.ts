import { HoldfastError } from './errors.ts';
import { formatLsn, parseLsn } from './wal-segments.ts';

/** A timeline that was left: its WAL counts up to `switchLsn`, where the next one of the list begins. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly switchLsn: bigint;
  /** PostgreSQL's words. */
  readonly reason: string;
}

/**
 * Reads a timeline's history file: its ancestors, the oldest first. Timeline 1 has neither.
 *
 * @param where named in the error.
 * @throws HoldfastError VAULT_INTEGRITY when it is none, or its timelines or positions do not grow
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
 */
export function parseTimelineHistory(
  text: string,
  timeline: number,
  where: string,
): TimelineSwitch[] {
  const switches: TimelineSwitch[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, number, lsn, reason = ''] =
      /^\s*(\d+)\s+([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})\s*(.*?)\s*$/.exec(line) ?? [];
    if (number === undefined || lsn === undefined) throw invalid(where, `the line "${line}"`);
    const entry = { timeline: Number(number), switchLsn: parseLsn(lsn), reason };
    const before = switches.at(-1);
    // A timeline may be left where it began.
    if (before !== undefined && entry.switchLsn < before.switchLsn) {
      throw invalid(where, `a switch at ${formatLsn(entry.switchLsn)} after a later one`);
    }
    if (entry.timeline <= (before?.timeline ?? 0) || entry.timeline >= timeline) {
      throw invalid(where, `timeline ${entry.timeline} as ancestor`);
    }
    switches.push(entry);
  }
  if (switches.length === 0) throw invalid(where, 'no ancestor');
  return switches;
}

function invalid(where: string, found: string): HoldfastError {
  return new HoldfastError(
    'VAULT_INTEGRITY',
    `${where} is no timeline's history: it has ${found}.`,
    {
      hint: 'Recovery cannot cross into that timeline by it. Compare it with the file in pg_wal of the server.',
    },
  );
}
