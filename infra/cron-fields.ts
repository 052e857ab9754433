/** A local time, as the wall clock of a time zone shows it. */
export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  /** 1 (Sunday) to 7, as EventBridge Scheduler counts. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/**
 * Whether a cron expression of EventBridge Scheduler may fire at a local time. Days that are counted
 * from a month's end or to its workdays (`L`, `W`, `#`) may be any.
 *
 * @param cron six fields: minute hour day month weekday year.
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
export function mayFireAt(cron: string, time: LocalTime): boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = '', year = ''] = cron.split(' ');
  return (
    holds(minute, time.minute) &&
    holds(hour, time.hour) &&
    holds(day, time.day) &&
    holds(named(month, MONTHS), time.month) &&
    holds(named(weekday, WEEKDAYS), time.weekday) &&
    holds(year, time.year)
  );
}

/** Whether it fires in every hour: then one that is skipped is made up for by the next. */
export function firesHourly(cron: string): boolean {
  return cron.split(' ')[1] === '*';
}

/** Names become the numbers that stand for them, from 1. */
function named(field: string, names: readonly string[]): string {
  return field.replaceAll(/[A-Z]{3}/gi, (name) => {
    const at = names.indexOf(name.toUpperCase());
    return at < 0 ? name : String(at + 1);
  });
}

function holds(field: string, value: number): boolean {
  return field.split(',').some((part) => {
    const [range = '', step = '1'] = part.split('/');
    if (/[LW#]/.test(part)) return true;
    if (range === '?') return true;
    const [from, to] = range === '*' ? [0, Number.MAX_SAFE_INTEGER] : range.split('-').map(Number);
    if (from === undefined) return false;
    // `5/10` goes on from 5; `5` is 5 alone.
    const last = to ?? (part.includes('/') ? Number.MAX_SAFE_INTEGER : from);
    const within = from <= last ? value >= from && value <= last : value >= from || value <= last;
    return within && (value - from) % Number(step) === 0;
  });
}
