import { describe, expect, test } from 'vitest';
import {
  customArguments,
  directoryArguments,
  dumpallArguments,
  globalsArguments,
  plainArguments,
  schemaArguments,
} from '../../../containers/runner/logical/dump-arguments.ts';
import { leftOutBy } from '../../../containers/runner/logical/left-out.ts';
import type { LogicalOptions } from '../../../contract/logical-options.ts';
import { logicalOptions } from '../../fixtures/logical-options.ts';

const TARGET = {
  ...{ database: "sh'op", encoding: 'LATIN1', snapshot: '00000003-1', compression: 'zstd:1' },
};
const COMMON = [
  '--encoding=LATIN1',
  '--snapshot=00000003-1',
  '--lock-wait-timeout=300000',
  '--no-password',
  "--dbname=dbname='sh\\'op' keepalives_idle=30 keepalives_interval=10 keepalives_count=6",
];
const CONNECTION = COMMON.slice(3);
const FILTERED: Partial<LogicalOptions> = {
  schemas: ['s*'],
  excludeSchemas: ['secret'],
  tables: ['"Odd Name"'],
  excludeTables: ['*.log'],
  excludeTableData: ['s.big', 's.bigger'],
  largeObjects: false,
};

describe('the arguments of', () => {
  test('a directory', () => {
    const target = { ...TARGET, directory: '/spool/db-1', jobs: 3 };
    expect(directoryArguments(logicalOptions(), target)).toEqual([
      '--format=directory',
      '--file=/spool/db-1',
      '--jobs=3',
      '--compress=zstd:1',
      '--no-sync',
      '-b',
      ...COMMON,
    ]);
  });

  test('an archive, with every filter', () => {
    expect(customArguments(logicalOptions(FILTERED), TARGET)).toEqual([
      '--format=custom',
      '--compress=zstd:1',
      '--schema=s*',
      '--exclude-schema=secret',
      '--table="Odd Name"',
      '--exclude-table=*.log',
      '--exclude-table-data=s.big',
      '--exclude-table-data=s.bigger',
      '-B',
      ...COMMON,
    ]);
  });

  test.each<[string, Partial<LogicalOptions>, boolean]>([
    ['one database', { databases: ['shop'], tables: ['t'] }, true],
    ['one database, of which all is taken', { databases: ['shop'] }, false],
    ['several', { databases: ['shop', 'bulk'], tables: ['t'] }, false],
    ['a pattern', { databases: ['s*'], schemas: ['t'] }, false],
    ['all', { schemas: ['t'] }, false],
  ])('%s: whether each name has to be there', (_, options, strict) => {
    const found = customArguments(logicalOptions(options), TARGET);
    expect(found.includes('--strict-names')).toBe(strict);
  });

  test('plain SQL, and of the archive beside it', () => {
    expect(plainArguments(logicalOptions(), TARGET)).toEqual(['--format=plain', '-b', ...COMMON]);
    expect(schemaArguments(logicalOptions(), TARGET)).toEqual([
      '--format=custom',
      '--compress=zstd:1',
      '--schema-only',
      '-B',
      ...COMMON,
    ]);
  });

  test('a wait for locks of another length', () => {
    const args = plainArguments(logicalOptions({ lockWaitSeconds: 2 }), TARGET);
    expect(args).toContain('--lock-wait-timeout=2000');
  });

  test('the globals, with password verifiers only by choice', () => {
    expect(globalsArguments(logicalOptions(), "sh'op")).toEqual([
      '--globals-only',
      '--no-role-passwords',
      ...CONNECTION,
    ]);
    const withPasswords = logicalOptions({ rolePasswords: true });
    expect(globalsArguments(withPasswords, "sh'op")).toEqual(['--globals-only', ...CONNECTION]);
  });

  test('everything, without databases whose names would be patterns', () => {
    const options = logicalOptions({ format: 'dumpall', schemaOnly: true, largeObjects: false });
    expect(dumpallArguments(options, "sh'op", ['a*', 'b"c'])).toEqual([
      '--exclude-database="a*"',
      '--exclude-database="b""c"',
      '--schema-only',
      '--lock-wait-timeout=300000',
      '--no-role-passwords',
      ...CONNECTION,
    ]);
  });
});

test('what the options leave out is said', () => {
  expect(leftOutBy(logicalOptions({ rolePasswords: true }))).toEqual([]);
  expect(leftOutBy(logicalOptions(FILTERED)).map(({ what }) => what)).toEqual([
    'role passwords',
    'schemas other than s*',
    'schemas secret',
    'everything but the tables "Odd Name"',
    'tables *.log',
    'the rows of tables s.big',
    'the rows of tables s.bigger',
    'large objects',
  ]);
  const schemaOnly = logicalOptions({ schemaOnly: true, largeObjects: false });
  expect(leftOutBy(schemaOnly).map(({ what }) => what)).toEqual([
    'role passwords',
    'all rows and large objects',
  ]);
});
