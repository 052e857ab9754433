import { expect, test } from 'vitest';
import type { ChosenSource } from '../../../containers/runner/source/choose-source.ts';
import type { Survey } from '../../../containers/runner/source/survey.ts';
import { assertSameServer } from '../../../containers/runner/source/verify-unchanged.ts';

const SURVEY: Survey = {
  inRecovery: true,
  systemIdentifier: '7710564071922311188',
  timeline: 1,
  serverVersion: '17.12',
  major: 17,
  postmasterStartedAt: new Date('2026-11-20T00:00:00Z'),
  lsn: '0/1',
  replayLagSeconds: 0,
  serializable: false,
  lagProbe: 'receiver',
  replayPaused: false,
};
const SOURCE = {
  server: { target: { host: 'replica.example', port: 5432 } },
  survey: SURVEY,
} as ChosenSource;

test('a server that has only gone on is the same', () => {
  expect(() =>
    assertSameServer(SOURCE, { ...SURVEY, lsn: '0/2', replayLagSeconds: 3 }),
  ).not.toThrow();
});

test.each([
  [{ systemIdentifier: '1' }, 'another database system'],
  [{ postmasterStartedAt: new Date('2026-11-20T00:00:01Z') }, 'restarted'],
  [{ inRecovery: false }, 'it is a primary now'],
  [{ timeline: 2 }, 'another timeline'],
])('a session that shows %j is another server', (change, found) => {
  expect(() => assertSameServer(SOURCE, { ...SURVEY, ...change })).toThrow(
    expect.objectContaining({ code: 'SOURCE_CHANGED', message: expect.stringContaining(found) }),
  );
});
