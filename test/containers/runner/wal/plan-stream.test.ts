import { describe, expect, test } from 'vitest';
import { planStream, type StreamFacts } from '../../../../containers/runner/wal/plan-stream.ts';
import { parseLsn } from '../../../../contract/wal-segments.ts';

const SEGMENT = 16 * 1024 * 1024;
const X = parseLsn('0/5800000');
const Y = parseLsn('0/9000000');
const LEFT = [{ timeline: 1, switchLsn: X, reason: '' }];
const TWICE = [...LEFT, { timeline: 2, switchLsn: Y, reason: '' }];

function plan(facts: Partial<StreamFacts>) {
  const slot = parseLsn('0/3000028');
  return planStream({
    ...{ segmentBytes: SEGMENT, timeline: 1, history: [], vault: undefined, slot, ...facts },
  });
}

const lsn = parseLsn;

describe('a vault that has nothing', () => {
  test('begins with the segment of the slot', () => {
    expect(plan({})).toEqual({
      ...{ timeline: 1, start: lsn('0/3000000'), durable: lsn('0/3000000'), own: 0n },
    });
  });

  test('begins on the timeline that the slot was on', () => {
    expect(plan({ timeline: 2, history: LEFT })).toMatchObject({ timeline: 1, own: 0n });
    expect(plan({ timeline: 2, history: LEFT, slot: X })).toEqual({
      ...{ timeline: 2, start: lsn('0/5000000'), durable: lsn('0/5000000'), own: X },
    });
  });
});

describe('a vault that has WAL', () => {
  test('goes on with the segment that it ends in', () => {
    const vault = { timeline: 1, end: lsn('0/4001000') };
    expect(plan({ vault })).toEqual({
      ...{ timeline: 1, start: lsn('0/4000000'), durable: vault.end, own: 0n },
    });
  });

  test('goes on with the next segment where it ends with one', () => {
    const vault = { timeline: 1, end: lsn('0/4000000') };
    expect(plan({ vault })).toMatchObject({ start: vault.end, durable: vault.end });
  });

  test('is brought to the switch before the new timeline is begun', () => {
    const vault = { timeline: 1, end: X - 1n };
    expect(plan({ vault, timeline: 2, history: LEFT })).toEqual({
      ...{ timeline: 1, start: lsn('0/5000000'), durable: X - 1n, own: 0n },
    });
  });

  test.each([X, X + 1n, lsn('0/7000000')])(
    'to %s and so past the switch leaves the rest',
    (end) => {
      expect(plan({ vault: { timeline: 1, end }, timeline: 2, history: LEFT })).toEqual({
        ...{ timeline: 2, start: lsn('0/5000000'), durable: X, own: X },
      });
    },
  );

  test('goes through one timeline after the other', () => {
    const behind = { timeline: 1, end: X };
    expect(plan({ vault: behind, timeline: 3, history: TWICE })).toMatchObject({
      ...{ timeline: 2, durable: X, own: X },
    });
    const next = { timeline: 2, end: Y };
    expect(plan({ vault: next, timeline: 3, history: TWICE })).toEqual({
      ...{ timeline: 3, start: Y, durable: Y, own: Y },
    });
  });
});

test('a server that is an old primary come back is not streamed from', () => {
  expect(plan({ vault: { timeline: 2, end: Y } })).toBeUndefined();
});

test('a server that was put back to an older state is followed from where its timeline begins', () => {
  const vault = { timeline: 2, end: Y };
  expect(plan({ vault, timeline: 3, history: LEFT })).toEqual({
    ...{ timeline: 3, start: lsn('0/5000000'), durable: X, own: X },
  });
});

test('and was promoted once more, from where the first of its timelines begins', () => {
  const vault = { timeline: 2, end: Y };
  const history = [...LEFT, { timeline: 3, switchLsn: Y, reason: '' }];
  expect(plan({ vault, timeline: 4, history })).toEqual({
    ...{ timeline: 3, start: lsn('0/5000000'), durable: X, own: X },
  });
});
