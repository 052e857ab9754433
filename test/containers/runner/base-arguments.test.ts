import { describe, expect, test } from 'vitest';
import {
  type BaseTarget,
  baseArguments,
} from '../../../containers/runner/physical/base-arguments.ts';
import { baseFailure } from '../../../containers/runner/physical/base-failure.ts';
import { DamagedSource, damageOf } from '../../../containers/runner/physical/damage.ts';
import { ParentRefused } from '../../../containers/runner/physical/parent-refused.ts';
import { comesTo, TooEarly } from '../../../containers/runner/physical/too-early.ts';
import type { PhysicalOptions } from '../../../contract/physical-options.ts';
import { physicalOptions } from '../../fixtures/physical-options.ts';

const TARGET: BaseTarget = {
  directory: '/spool/run-1/base',
  label: '20261120T040000Z-physical-full-8a4b0d',
  maxRateMiBPerSecond: 0,
  slot: true,
  verifyChecksums: true,
  parentManifest: undefined,
};

function given(options: Partial<PhysicalOptions> = {}, target: Partial<BaseTarget> = {}): string[] {
  return baseArguments(physicalOptions(options), { ...TARGET, ...target });
}

describe('what pg_basebackup is told', () => {
  test('unless anything else is asked for', () => {
    expect(given()).toEqual([
      '--format=tar',
      '--pgdata=/spool/run-1/base',
      '--wal-method=stream',
      '--checkpoint=fast',
      '--label=20261120T040000Z-physical-full-8a4b0d',
      '--compress=client-zstd:level=1',
      '--manifest-checksums=SHA256',
      '--no-sync',
      '--no-clean',
      '--no-password',
      '--dbname=keepalives_idle=30 keepalives_interval=10 keepalives_count=6',
    ]);
  });

  test.each<[Partial<PhysicalOptions>, string]>([
    [{ compression: 'none' }, '--compress=none'],
    [{ compression: 'none', compressOn: 'server' }, '--compress=none'],
    [{ compression: 'zstd' }, '--compress=client-zstd'],
    [{ compressOn: 'server' }, '--compress=server-zstd:level=1'],
    [{ checkpoint: 'spread' }, '--checkpoint=spread'],
    [{ wal: 'archive' }, '--wal-method=none'],
  ])('by %j', (options, argument) => {
    expect(given(options)).toContain(argument);
  });

  test.each<[Partial<BaseTarget>, string]>([
    [{ slot: false }, '--no-slot'],
    [{ verifyChecksums: false }, '--no-verify-checksums'],
    [{ parentManifest: '/spool/parent' }, '--incremental=/spool/parent'],
    [{ maxRateMiBPerSecond: 1 }, '--max-rate=1024k'],
    [{ maxRateMiBPerSecond: 1024 }, '--max-rate=1048576k'],
  ])('where %j', (target, argument) => {
    expect(given({}, target)).toContain(argument);
  });

  test('no rate that it would refuse, and no slot where it receives no WAL', () => {
    expect(given({}, { maxRateMiBPerSecond: 1025 }).join()).not.toContain('--max-rate');
    expect(given({ wal: 'archive' }, { slot: false })).not.toContain('--no-slot');
  });
});

test.each([
  [
    'FATAL:  no pg_hba.conf entry for replication connection from host "10.0.0.1"',
    'SOURCE_AUTHENTICATION',
  ],
  ['FATAL:  permission denied to start WAL sender', 'SOURCE_RIGHTS'],
  [
    'FATAL:  number of requested standby connections exceeds "max_wal_senders"',
    'SOURCE_UNREACHABLE',
  ],
  [
    'ERROR:  requested WAL segment 000000010000000000000003 has already been removed',
    'DUMP_FAILED',
  ],
  ['could not write to file: No space left on device', 'SPOOL_UNUSABLE'],
  ['could not read COPY data: SSL SYSCALL error: EOF detected', 'SOURCE_UNREACHABLE'],
  [
    'could not receive data from WAL stream: server closed the connection unexpectedly',
    'SOURCE_UNREACHABLE',
  ],
  [
    'connection to server at "db" (10.0.0.1), port 5432 failed: SSL error: certificate verify failed',
    'SOURCE_TLS',
  ],
  [
    'connection to server at "db" failed: FATAL:  password authentication failed for user "u"',
    'SOURCE_AUTHENTICATION',
  ],
  ['something new', 'DUMP_FAILED'],
])('"%s" is %s', (said, code) => {
  const error = baseFailure('exit status 1', `pg_basebackup: error: ${said}`);
  expect(error.code).toBe(code);
  expect(error.message).toContain(said);
});

describe('pages with wrong checksums', () => {
  const said = [
    'WARNING:  checksum verification failed in file "/srv/cold/PG_17_202406281/5/16385", block 3: calculated 2FF4 but expected B1E9',
    'WARNING:  file "/srv/cold/PG_17_202406281/5/16385" has a total of 1 checksum verification failure',
    'WARNUNG:  Prüfsumme in Datei »"/data/base/5/1259"«, Block 0: falsch',
    'WARNING:  2 total checksum verification failures',
    'pg_basebackup: error: checksum error occurred',
  ];

  test('are told by file, as backup_manifest names it, in any language', () => {
    const source = DamagedSource.from(said.join('\n'));
    if (source === undefined) throw new Error('It is not taken for damage.');
    const cold = { oid: 16400, name: 'cold', location: '/srv/cold' };
    expect(damageOf(source, '/data', [cold])).toEqual([
      {
        file: 'pg_tblspc/16400/PG_17_202406281/5/16385',
        found: expect.stringMatching(/block 3: calculated.*; file .* total of 1/),
      },
      { file: 'base/5/1259', found: expect.stringContaining('Block 0') },
    ]);
  });

  test('are what pg_basebackup says of them, where no file is named', () => {
    const source = DamagedSource.from(said.slice(-1).join('\n'));
    if (source === undefined) throw new Error('It is not taken for damage.');
    expect(damageOf(source, '/data', [])).toEqual([
      { file: 'unknown', found: 'pg_basebackup: error: checksum error occurred' },
    ]);
    expect(DamagedSource.from('pg_basebackup: error: disk error')).toBeUndefined();
  });
});

test('a parent that the server does not take is told in its words', () => {
  const said = (what: string) => `NOTICE\npg_basebackup: error: ${what}`;
  const refused = said(
    'could not initiate base backup: FEHLER:  Zeitleiste 2 im Manifest ist nicht in der Historie',
  );
  expect(ParentRefused.from(refused)?.message).toBe(
    'Zeitleiste 2 im Manifest ist nicht in der Historie',
  );
  const foreign = said(
    'could not upload manifest: ERROR:  system identifier in backup manifest is 1',
  );
  expect(ParentRefused.from(foreign)?.message).toContain('system identifier');
  const gone = said('could not initiate base backup: server closed the connection unexpectedly');
  expect(ParentRefused.from(gone)).toBeUndefined();
  expect(ParentRefused.from(said('disk full'))).toBeUndefined();
});

test('a standby that is not as far as the parent is known by the positions', () => {
  const said =
    'pg_basebackup: error: could not initiate base backup: FEHLER:  Manifest benötigt WAL von Zeitleiste 1 bis 0/3000158, aber dieses Backup startet bei 0/3000028';
  expect(TooEarly.from(`NOTICE\n${said}`, '0/3000158')?.message).toBe(said);
  expect(TooEarly.from(said, '0/4000158')).toBeUndefined();
  expect(TooEarly.from(said, undefined)).toBeUndefined();
  expect(TooEarly.from('reached 0/3000158', '0/3000158')).toBeUndefined();
  const padded = said.replaceAll('0/3', '0/03');
  expect(TooEarly.from(padded, '0/3000158')?.message).toBe(padded);
});

test('a parent of what was given up with a timeline is refused, and no checkpoint is waited for', () => {
  // As 17.11 says it of a parent that ends behind the switch.
  const why =
    'manifest requires WAL from final timeline 1 ending at 0/15000120, but this server switched timelines at 0/14000000';
  const said = `pg_basebackup: error: could not initiate base backup: ERROR:  ${why}`;
  const stop = { lsn: '0/15000120', timeline: 1 };
  for (const [inRecovery, timeline] of [
    [true, 2],
    [false, 2],
    [false, 1],
  ] as const) {
    expect(TooEarly.from(said, comesTo({ inRecovery, timeline }, stop))).toBeUndefined();
  }
  expect(ParentRefused.from(said)?.message).toBe(why);
  expect(comesTo({ inRecovery: true, timeline: 1 }, stop)).toBe('0/15000120');
});
