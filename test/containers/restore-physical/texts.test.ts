import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  configurationText,
  settingIn,
} from '../../../containers/runner/restore-physical/configuration-text.ts';
import { chooseLibraries } from '../../../containers/runner/restore-physical/preload-libraries.ts';
import { placeTablespaces } from '../../../containers/runner/restore-physical/tablespace-places.ts';
import { abandon } from '../../../containers/runner/restore-physical/target-directory.ts';
import { parseWalDump } from '../../../containers/runner/restore-physical/wal-tail.ts';
import { HoldfastError } from '../../../contract/errors.ts';

describe('a setting', () => {
  test.each(["it's", 'back\\slash', '', "a='b' c=\\'d\\'"])(
    'is read as it was written: %s',
    (value) => {
      expect(settingIn(configurationText({ primary_conninfo: value }), 'primary_conninfo')).toBe(
        value,
      );
    },
  );

  test('is the last one of its name, and no comment', () => {
    const text = "#port = 1\nport = 2 # two\nPORT 3\nexport = 4\nother = 'port = 5'\n";
    expect(settingIn(text, 'port')).toBe('3');
    expect(settingIn(text, 'shared_buffers')).toBeUndefined();
  });
});

test('pg_waldump tells of commits, rollbacks and restore points', () => {
  const text = `rmgr: Transaction len (rec/tot):     34/    34, tx:        741, lsn: 0/05000A28, prev 0/050009E8, desc: COMMIT 2026-11-21 19:20:44.123456 UTC
rmgr: Transaction len (rec/tot):     34/    34, tx:        742, lsn: 0/05000A50, prev 0/05000A28, desc: ABORT 2026-11-21 19:20:45.000001 UTC; rels: base/5/16390
rmgr: Transaction len (rec/tot):     54/    54, tx:          0, lsn: 0/05000A60, prev 0/05000A50, desc: COMMIT_PREPARED 740: 2026-11-21 19:20:46.000000 UTC
rmgr: XLOG        len (rec/tot):     98/    98, tx:          0, lsn: 0/05000A78, prev 0/05000A50, desc: RESTORE_POINT before the drop
rmgr: XLOG        len (rec/tot):     24/    24, tx:          0, lsn: 0/05000AE0, prev 0/05000A78, desc: SWITCH`;
  expect(parseWalDump(text)).toEqual({
    lastRecord: '0/5000AE0',
    ends: [
      { xid: 741, lsn: '0/5000A28', at: '2026-11-21T19:20:44.123456Z', commits: true },
      { xid: 742, lsn: '0/5000A50', at: '2026-11-21T19:20:45.000001Z', commits: false },
      { xid: 740, lsn: '0/5000A60', at: '2026-11-21T19:20:46.000000Z', commits: true },
    ],
    restorePoints: [{ name: 'before the drop', lsn: '0/5000A78' }],
  });
});

test('of the libraries those are loaded that are installed and only serve', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-libraries-'));
  try {
    await mkdir(join(directory, 'bin'));
    await mkdir(join(directory, 'lib'));
    for (const name of ['pg_stat_statements', 'pg_cron']) {
      await writeFile(join(directory, 'lib', `${name}.so`), '');
    }
    const programs = { directory: join(directory, 'bin'), major: 17, version: '17.12' };
    const value = 'pg_stat_statements, "pg_cron",timescaledb, ../../evil';
    expect(await chooseLibraries(value, programs)).toEqual({
      loaded: ['pg_stat_statements'],
      leftOut: [
        'pg_cron (works by itself)',
        'timescaledb (not installed here)',
        '../../evil (not installed here)',
      ],
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('what a failed restore cannot remove is told with the failure, and keeps no other there', async () => {
  const emptied: string[] = [];
  const claimed = ['/data', '/cold', '/warm'].map((path) => ({
    path,
    empty: async () => {
      if (path === '/cold') throw new Error('EBUSY: it is a mount point');
      emptied.push(path);
    },
  }));
  const failure = new HoldfastError('RESTORE_FAILED', 'It failed.', { hint: 'Look.' });
  expect(await abandon(claimed, failure)).toMatchObject({
    code: 'RESTORE_FAILED',
    message: 'It failed.',
    hint: 'Look. Not all that was put there could be removed: /cold (EBUSY: it is a mount point).',
  });
  expect(emptied).toEqual(['/warm', '/data']);
});

describe('a tablespace', () => {
  const tar = { artifacts: ['tablespace-1.tar.0001'], bytes: 1 };
  const manifest = {
    label: '20261120T040000Z-physical-full-8a4b0d',
    tablespaces: [
      { oid: 1, name: 'cold', location: '/srv/cold', tar },
      { oid: 2, name: 'warm', location: '/srv/warm', tar },
    ],
  };
  const place = (mapping: Record<string, string>) =>
    placeTablespaces(manifest, '/data/new', new Map(Object.entries(mapping)));

  test('goes where it is said, else below the data directory, and never where it was', () => {
    expect(place({ '/srv/cold': '/mnt/cold' }).map(({ path, named }) => [path, named])).toEqual([
      ['/mnt/cold', true],
      ['/data/new/holdfast-tablespaces/2', false],
    ]);
  });

  test.each([
    [{ '/srv/none': '/mnt/cold' }, 'has no tablespace in /srv/none'],
    [{ '/srv/cold': 'cold' }, 'is not absolute'],
    [{ '/srv/cold': '/data/new/cold' }, 'lie in one another'],
    [{ '/srv/cold': '/data' }, 'lie in one another'],
    [{ '/srv/cold': '/mnt/a', '/srv/warm': '/mnt/a' }, 'in the same place'],
    [{ '/srv/cold': '/mnt/a', '/srv/warm': '/mnt/a/b' }, 'lie in one another'],
  ])('is refused where it cannot be: %o', (mapping, why) => {
    expect(() => place(mapping as Record<string, string>)).toThrow(why);
  });
});
