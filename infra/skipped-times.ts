import { firesHourly, type LocalTime, mayFireAt } from './cron-fields.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** How far ahead is looked. Days: three years have every weekday rule at work. */
const DAYS_AHEAD = 3 * 366;

/**
 * The first local time at which a schedule should fire and does not, because clocks go forward over it.
 *
 * @param cron six fields: minute hour day month weekday year.
 * @param timeZone IANA name.
 * @returns `2027-03-28 02:30`, or nothing when none is skipped within three years.
 */
export function firstSkippedTime(cron: string, timeZone: string, from: Date): string | undefined {
  if (firesHourly(cron)) return undefined;
  const clock = offsetsIn(timeZone);
  for (let day = 0; day < DAYS_AHEAD; day += 1) {
    const start = Math.floor(from.getTime() / MINUTE_MS) * MINUTE_MS + day * DAY_MS;
    const before = clock(start);
    const skipped = clock(start + DAY_MS) - before;
    if (skipped <= 0) continue;
    const change = findChange(clock, start, start + DAY_MS);
    for (let minute = 0; minute < skipped; minute += 1) {
      // As a clock would show it that had not been put forward.
      const shown = new Date(change + (before + minute) * MINUTE_MS);
      if (mayFireAt(cron, localTime(shown)))
        return shown.toISOString().slice(0, 16).replace('T', ' ');
    }
  }
  return undefined;
}

/** Minutes by which a time zone is ahead of UTC, at an instant. */
type Offsets = (instant: number) => number;

function offsetsIn(timeZone: string): Offsets {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  return (instant) => {
    const name = format.formatToParts(instant).find(({ type }) => type === 'timeZoneName')?.value;
    const [, sign, hours, minutes] = /^GMT([+-])(\d\d):(\d\d)$/.exec(name ?? '') ?? [];
    const ahead = Number(hours ?? 0) * 60 + Number(minutes ?? 0);
    return sign === '-' ? -ahead : ahead;
  };
}

/** The first minute of the new offset, between two instants. */
function findChange(clock: Offsets, from: number, to: number): number {
  let [low, high] = [from, to];
  while (high - low > MINUTE_MS) {
    const middle = Math.floor((low + high) / 2 / MINUTE_MS) * MINUTE_MS;
    if (clock(middle) === clock(from)) low = middle;
    else high = middle;
  }
  return high;
}

/** @param shown an instant whose UTC reading is the local time. */
function localTime(shown: Date): LocalTime {
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    weekday: shown.getUTCDay() + 1,
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
  };
}
