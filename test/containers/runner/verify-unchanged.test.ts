import { describe, expect, test } from 'vitest';
import { recognisePromotion } from '../../../containers/runner/physical/promoted.ts';
import type { ChosenSource } from '../../../containers/runner/source/choose-source.ts';
import type { Survey } from '../../../containers/runner/source/survey.ts';
import { assertSameServer } from '../../../containers/runner/source/verify-unchanged.ts';
import { HoldfastError } from '../../../contract/errors.ts';

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

describe('a base backup that failed', () => {
  const said = 'pg_basebackup ended with 1: FEHLER:  der Standby-Server wurde befördert';
  const failure = new HoldfastError('DUMP_FAILED', said, { hint: 'Run it again.' });
  const recognise = (now: boolean | Error, before = true) =>
    recognisePromotion(
      failure,
      { ...SOURCE, survey: { ...SURVEY, inRecovery: before } },
      async () => {
        if (now instanceof Error) throw now;
        return { inRecovery: now };
      },
    );

  test('of a standby that is none any more failed because of that, in whatever language', async () => {
    expect(await recognise(false)).toMatchObject({
      code: 'SOURCE_CHANGED',
      message: `The standby replica.example:5432 was promoted during the backup: ${said}`,
      cause: failure,
    });
  });

  test('of any other server failed by itself', async () => {
    expect(await recognise(true)).toBe(failure);
    expect(await recognise(false, false)).toBe(failure);
    expect(await recognise(new Error('it is down'))).toBe(failure);
  });
});
