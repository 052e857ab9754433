import { describe, expect, test } from 'vitest';
import {
  buildTaskRequest,
  nextAttempt,
  parseTaskRequest,
  taskRequestFor,
} from '../../contract/request.ts';

const fresh = { id: 'fresh-id', now: '2026-11-21T10:00:00Z' };
const scheduled = {
  action: 'backup',
  cluster: 'orders',
  kind: 'logical',
  schedule: 'nightly',
  scheduledTime: '2026-11-20T03:00:00Z',
};

describe('taskRequestFor', () => {
  test('a schedule that is delivered twice gets one label', () => {
    const again = taskRequestFor(scheduled, { id: 'other', now: '2027-01-01T00:00:00Z' });
    expect(again).toEqual(taskRequestFor(scheduled, fresh));
    expect(again.label).toMatch(/^20261120T030000Z-logical-full-/);
  });

  test('a person without a request id gets a fresh one', () => {
    const event = { action: 'backup', cluster: 'orders', kind: 'logical' };
    const request = taskRequestFor(event, fresh);
    expect(request.askedBy).toEqual({
      by: 'person',
      requestId: 'fresh-id',
      requestedAt: fresh.now,
    });
    expect(taskRequestFor(event, { ...fresh, id: 'next' }).label).not.toBe(request.label);
  });

  test('a retry of ours gets another label', () => {
    expect(taskRequestFor({ ...scheduled, attempt: 1 }, fresh).label).not.toBe(
      taskRequestFor(scheduled, fresh).label,
    );
  });

  test.each([
    ['a schedule', scheduled],
    ['a person', { action: 'backup', cluster: 'orders', kind: 'logical', requestId: 'ticket-7' }],
  ])('what asks once more for what %s asked for gets its attempt and another label', (_, event) => {
    const first = taskRequestFor(event, fresh);
    const second = taskRequestFor(nextAttempt(first), { id: 'unused', now: fresh.now });
    expect(second).toEqual({ ...first, attempt: 1, label: second.label });
    expect(second.label).not.toBe(first.label);
    expect(taskRequestFor(nextAttempt(second), fresh).attempt).toBe(2);
  });

  test('a time in the future is refused: its label would be the latest for ever', () => {
    const person = { action: 'backup', cluster: 'orders', kind: 'logical' };
    const at = (requestedAt: string) => taskRequestFor({ ...person, requestedAt }, fresh);
    expect(at('2026-11-21T10:04:59Z').label).toMatch(/^20261121T100459Z/);
    expect(() => at('2099-01-01T00:00:00Z')).toThrow(/lies in the future/);
  });

  test.each([
    ['no object', 'backup', /expected object/i],
    ['another action', { ...scheduled, action: 'delete' }, /action/],
    ['a bad cluster name', { ...scheduled, cluster: 'Orders/../x' }, /cluster: must be/],
    ['an unknown field', { ...scheduled, force: true }, /force/],
    [
      'a type of a logical one',
      { ...scheduled, type: 'incremental' },
      /a logical backup is always full\.$/,
    ],
    ['half a schedule', { ...scheduled, scheduledTime: undefined }, /go together/],
    ['both askers', { ...scheduled, requestId: 'x' }, /exclude each other/],
    ['a local time', { ...scheduled, scheduledTime: '2026-11-20T03:00:00' }, /scheduledTime/],
  ])('%s is refused', (_, event, found) => {
    expect(() => taskRequestFor(event, fresh)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', message: expect.stringMatching(found) }),
    );
  });
});

describe('the request in the environment', () => {
  test('is read as it was written', () => {
    const request = taskRequestFor(scheduled, fresh);
    expect(parseTaskRequest(buildTaskRequest(request))).toEqual(request);
  });

  test.each(['', '{', '{}', 'null'])('%j is refused', (text) => {
    expect(() => parseTaskRequest(text)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    );
  });
});
