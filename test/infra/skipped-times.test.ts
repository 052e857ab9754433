import { Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { warnAboutSkippedTimes } from '../../infra/constructs/backup-schedule.ts';
import { mayFireAt } from '../../infra/cron-fields.ts';
import type { ResolvedSchedule } from '../../infra/resolved-environment.ts';
import { firstSkippedTime } from '../../infra/skipped-times.ts';
import { withApp } from './new-app.ts';

const DAILY: ResolvedSchedule = {
  name: 'daily',
  kind: 'logical',
  type: 'full',
  cron: '0 3 * * ? *',
  timeZone: 'UTC',
  flexibleWindowMinutes: 15,
};

const NOW = new Date('2026-11-21T12:34:56Z');

describe('the first skipped time is', () => {
  it.each([
    ['30 2 * * ? *', 'Europe/Vienna', '2027-03-28 02:30'],
    ['0 2 * * ? *', 'Europe/Vienna', '2027-03-28 02:00'],
    ['59 2 * * ? *', 'Europe/Vienna', '2027-03-28 02:59'],
    ['0/20 1-2 * * ? *', 'Europe/Vienna', '2027-03-28 02:00'],
    ['15 2 ? * SUN *', 'America/New_York', '2027-03-14 02:15'],
    ['0 0 * * ? *', 'America/Havana', '2027-03-14 00:00'],
    // Half an hour only.
    ['10 2 * * ? *', 'Australia/Lord_Howe', '2027-10-03 02:10'],
    ['0 2 ? * 1#5 *', 'Europe/Vienna', '2027-03-28 02:00'],
    ['0 2 28 3 ? *', 'Europe/Vienna', '2027-03-28 02:00'],
  ])('of %s in %s: %s', (cron, timeZone, expected) => {
    expect(firstSkippedTime(cron, timeZone, NOW)).toBe(expected);
  });

  it.each([
    ['0 3 * * ? *', 'Europe/Vienna', 'an hour later'],
    ['59 1 * * ? *', 'Europe/Vienna', 'a minute before'],
    ['30 2 * * ? *', 'UTC', 'no daylight saving'],
    ['30 2 * * ? *', 'Asia/Tokyo', 'no daylight saving there'],
    ['30 2 ? * MON-FRI *', 'Europe/Vienna', 'clocks change on Sundays'],
    ['30 2 * 4-12 ? *', 'Europe/Vienna', 'not in March'],
    ['30 2 * * ? 2026', 'Europe/Vienna', 'over by then'],
    ['40 2 * * ? *', 'Australia/Lord_Howe', 'after half an hour'],
    ['30 * * * ? *', 'Europe/Vienna', 'the next hour makes up for it'],
  ])('none of %s in %s: %s', (cron, timeZone) => {
    expect(firstSkippedTime(cron, timeZone, NOW)).toBeUndefined();
  });
});

it.each([
  ['0 2 ? * FRI-MON *', 1, true],
  ['0 2 ? * FRI-MON *', 4, false],
  ['0 2 ? * 7,1 *', 1, true],
  ['0 2 LW * ? *', 4, true],
  ['5/10 2 * * ? *', 1, false],
])('%s on weekday %i may fire at 02:00: %s', (cron, weekday, expected) => {
  const time = { year: 2027, month: 3, day: 28, weekday, hour: 2, minute: 0 };
  expect(mayFireAt(cron, time)).toBe(expected);
});

it('is warned of at synth, with the schedule, the time and the fix', () => {
  withApp((app) => {
    const stack = new Stack(app, 'Any');
    new Topic(stack, 'Any');
    const schedule = { ...DAILY, cron: '30 2 * * ? *', timeZone: 'Europe/Vienna' };
    warnAboutSkippedTimes(stack, 'orders', schedule, NOW);
    warnAboutSkippedTimes(stack, 'billing', { ...schedule, timeZone: 'UTC' }, NOW);
    const [only, ...others] = Annotations.fromStack(stack).findWarning('*', Match.anyValue());
    expect(others).toEqual([]);
    expect(only?.entry.data).toMatch(
      /^The schedule daily of orders does not fire at 2027-03-28 02:30: .* Europe\/Vienna .*timeZone: 'UTC'\./,
    );
  });
});
