import { describe, expect, test } from 'vitest';
import { behindLast, type LastBackup } from '../../../containers/runner/source/behind-last.ts';
import type { Candidate, ChosenSource } from '../../../containers/runner/source/choose-source.ts';
import type { Survey } from '../../../containers/runner/source/survey.ts';

const MINUTE_MS = 60_000;
const candidate = (host: string) => ({ uriIndex: 0, target: { host, port: 5432 } }) as Candidate;
const LAST: LastBackup = {
  label: '20261120T030000Z-logical-full-7f3a9c',
  startedAt: new Date(Date.now() - 10 * MINUTE_MS),
  ...{ host: 'replica', port: 5432, systemIdentifier: '77', timeline: 2, lsn: '1/5000' },
};

function doubt(found: Partial<Survey>, all = ['replica', 'other'], last: LastBackup | null = LAST) {
  const source = {
    server: { target: { host: 'replica', port: 5432 } },
    survey: {
      ...{ inRecovery: true, systemIdentifier: '77', timeline: 2, lsn: '1/5000' },
      ...{ lagProbe: 'receiver', replayLagSeconds: 0 },
      ...found,
    },
  } as ChosenSource;
  return behindLast(source, last ?? undefined, all.map(candidate));
}

describe('a source', () => {
  test.each<[string, Partial<Survey>]>([
    ['where the last backup was: nothing was written since', {}],
    ['further on', { lsn: '2/0' }],
    ['on a later timeline, whatever its position', { timeline: 3, lsn: '0/1' }],
    ['at the beginning of the page in which a primary at rest goes on', { lsn: '1/4000' }],
    ['that lags, as is allowed', { lsn: '1/0', lagProbe: 'replayed', replayLagSeconds: 660 }],
    ['that is Aurora, whose servers share one storage', { lsn: '0/0', lagProbe: 'aurora' }],
  ])('%s: nothing is told', async (_, found) => {
    expect(await doubt(found)).toEqual({ notes: [] });
  });

  test('of a cluster without a backup is compared with nothing', async () => {
    expect(await doubt({ lsn: '0/1' }, [], null)).toEqual({ notes: [] });
  });

  test.each<[string, Partial<Survey>]>([
    ['a page less', { lsn: '1/3FFF' }],
    ['whose lag does not explain it', { lsn: '1/0', replayLagSeconds: 540 }],
    ['whose lag is unknown', { lsn: '1/0', replayLagSeconds: undefined }],
    ['that has no lag', { lsn: '1/0', inRecovery: false, replayLagSeconds: 660 }],
  ])('behind the last backup is refused: %s', async (_, found) => {
    expect(await doubt(found)).toMatchObject({
      refusal: {
        code: 'SOURCE_CHANGED',
        message: `replica:5432 has come to ${found.lsn} on timeline 2, and replica:5432 had come to 1/5000 when the last backup (${LAST.label}) was taken: it was left behind.`,
        hint: expect.stringContaining('let the secret name replica:5432 no more'),
      },
    });
  });

  test('behind a server that the secret does not name any more serves, and says so', async () => {
    expect(await doubt({ lsn: '1/0' }, ['other'])).toEqual({
      notes: [expect.stringContaining('because the secret does not name replica:5432 any more')],
    });
  });

  test('of another system serves, and says so', async () => {
    expect(await doubt({ systemIdentifier: '78', timeline: 1, lsn: '0/1' })).toEqual({
      notes: [expect.stringMatching(/another database system \(78\).*unless it was built anew/)],
    });
  });
});
