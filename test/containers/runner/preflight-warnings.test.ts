import { describe, expect, test } from 'vitest';
import { sortWarnings } from '../../../containers/runner/logical/known-warnings.ts';
import {
  type Preflight,
  preflightWarnings,
} from '../../../containers/runner/source/preflight-warnings.ts';
import type { ServerSettings } from '../../../containers/runner/source/server-facts.ts';
import type { LogicalManifest } from '../../../contract/logical-manifest.ts';
import { exampleManifest } from '../../fixtures/example-manifest.ts';

const FACTS = exampleManifest().server;
const SETTINGS: ServerSettings = {
  standbyDelaySeconds: { streaming: 30, archive: 60 },
  hotStandbyFeedback: false,
  archives: false,
  archiveTimeoutSeconds: 0,
  archivingFails: undefined,
};
const SHOP = { ...exampleManifest().databases[0] } as unknown as Preflight['included'][number];

function warnings(
  settings: Partial<ServerSettings> = {},
  more: Partial<Preflight> & { readonly inRecovery?: boolean; readonly lagProbe?: string } = {},
): string[] {
  const { inRecovery = true, lagProbe = 'receiver', ...rest } = more;
  return preflightWarnings({
    source: {
      server: { target: { host: 'replica', port: 5432 } },
      survey: { inRecovery, lagProbe },
    } as Preflight['source'],
    server: { facts: FACTS, settings: { ...SETTINGS, ...settings } },
    included: [SHOP],
    skipped: [],
    previous: undefined,
    ...rest,
  });
}

function lastTook(seconds: number): LogicalManifest {
  return {
    ...exampleManifest(),
    durations: { 'database shop': seconds, 'database x': 1, total: 9e9 },
  };
}

describe('how long replay waits is compared with the last backup’s longest dump', () => {
  test.each([
    ['a shorter delay', { previous: lastTook(31) }, {}, 1],
    ['the same delay', { previous: lastTook(30) }, {}, 0],
    [
      'a delay without end',
      { previous: lastTook(31) },
      { standbyDelaySeconds: { streaming: -1, archive: 0 } },
      0,
    ],
    ['feedback', { previous: lastTook(31) }, { hotStandbyFeedback: true }, 0],
    ['the primary', { previous: lastTook(31), inRecovery: false }, {}, 0],
    ['no backup before', {}, {}, 0],
    ['the delay for an archive', { previous: lastTook(31), lagProbe: 'archive' }, {}, 0],
    ['a shorter one for an archive', { previous: lastTook(61), lagProbe: 'archive' }, {}, 1],
  ] as const)('%s', (_, more, settings, count) => {
    expect(warnings(settings, more)).toHaveLength(count);
  });

  test('and the warning says what to set', () => {
    expect(warnings({}, { previous: lastTook(100) })).toEqual([
      'replica:5432 cancels queries that hold up replay for 30 s (max_standby_streaming_delay), its hot_standby_feedback is off, and the longest dump of the last backup took 100 s: set hot_standby_feedback=on on it, or max_standby_streaming_delay=200s.',
    ]);
  });
});

test('data_checksums that are off are told', () => {
  const server = { facts: { ...FACTS, dataChecksums: false }, settings: SETTINGS };
  expect(warnings({}, { server })).toEqual([expect.stringContaining('data_checksums off')]);
});

test('archiving is looked at where the server archives', () => {
  const archivingFails = { file: '0000000100000000000000AB', at: new Date(0), times: 3 };
  expect(warnings({ archivingFails })).toEqual([]);
  expect(warnings({ archives: true, archiveTimeoutSeconds: 60 })).toEqual([]);
  expect(warnings({ archives: true, archivingFails })).toEqual([
    expect.stringContaining('archive_timeout=0'),
    expect.stringContaining('0000000100000000000000AB at 1970-01-01T00:00:00.000Z, 3 failures'),
  ]);
});

test('a sort order that has changed under a database is told', () => {
  const collationVersion = { recorded: '2.36', actual: '2.41' };
  expect(warnings({}, { included: [{ ...SHOP, collationVersion }] })).toEqual([
    expect.stringContaining('shop was made with collation version 2.36, and the server has 2.41'),
  ]);
});

test('a database that is newly skipped, or gone, is told; one that was skipped before is not', () => {
  const skipped = { what: 'database old', why: 'it allows no connections', database: 'old' };
  const previous = exampleManifest();
  const label = previous.label;
  expect(warnings({}, { skipped: [skipped], previous })).toEqual([
    `The database old is skipped now, which it was not in the last backup (${label}): it allows no connections.`,
  ]);
  const knew = { ...previous, notIncluded: [skipped] };
  expect(warnings({}, { skipped: [skipped], previous: knew })).toEqual([]);
  expect(warnings({}, { included: [], previous })).toEqual([
    `The database shop was in the last backup (${label}) and is gone.`,
  ]);
  const shop = { ...skipped, what: 'database shop', database: 'shop' };
  expect(warnings({}, { included: [], skipped: [shop], previous })).toHaveLength(1);
});

describe('a warning of pg_dump', () => {
  test('that means that something is missing names it as not included', () => {
    expect(
      sortWarnings(
        [
          'subscriptions not dumped because current user is not a superuser',
          'typtype of data type "odd" appears to be invalid',
        ],
        'shop',
      ),
    ).toEqual({
      notIncluded: [
        { what: 'subscriptions', why: 'only a superuser may read them', database: 'shop' },
        { what: 'the type odd', why: 'pg_dump cannot make sense of it', database: 'shop' },
      ],
      unknown: [],
    });
    const { notIncluded } = sortWarnings(['role name starting with "pg_" skipped (pg_x)']);
    expect(notIncluded).toMatchObject([{ what: 'the role pg_x' }]);
  });

  test('that nobody knew stays a warning', () => {
    expect(sortWarnings(['the moon is full'], 'shop')).toEqual({
      notIncluded: [],
      unknown: ['shop: the moon is full'],
    });
  });
});
