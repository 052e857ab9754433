import { expect, test } from 'vitest';
import { selectDatabases } from '../../../containers/runner/logical/select-databases.ts';
import type { SourceDatabase } from '../../../containers/runner/source/databases.ts';

const SURVEY = {
  included: ['a+b', 'postgres', 'shop', 'shop_old', 'Shop'].map(database),
  skipped: [{ what: 'database locked', why: 'it allows no connections', database: 'locked' }],
};

function database(name: string): SourceDatabase {
  const facts = {
    owner: 'o',
    encoding: 'UTF8',
    collate: 'C',
    ctype: 'C',
    localeProvider: 'libc',
    locale: null,
    collationVersion: { recorded: null, actual: null },
  };
  return { name, oid: 1, sizeBytes: 1, ...facts };
}

function select(databases: string[], excludeDatabases: string[] = []) {
  const { included, skipped, warnings } = selectDatabases(SURVEY, { databases, excludeDatabases });
  const names = included.map(({ name }) => name);
  return { names, skipped: skipped.map(({ database: name, why }) => [name, why]), warnings };
}

test.each([
  [[], [], ['a+b', 'postgres', 'shop', 'shop_old', 'Shop']],
  [['shop'], [], ['shop']],
  [['shop*'], [], ['shop', 'shop_old']],
  [['?hop'], [], ['shop', 'Shop']],
  [['a+b'], [], ['a+b']],
  [['*'], ['shop*', 'postgres'], ['a+b', 'Shop']],
  [[], ['*_old'], ['a+b', 'postgres', 'shop', 'Shop']],
])('%j without %j are %j', (databases, exclude, expected) => {
  expect(select(databases, exclude).names).toEqual(expected);
});

test('all others are listed with the reason', () => {
  expect(select(['shop*'], ['*_old']).skipped).toEqual([
    ['locked', 'it allows no connections'],
    ['a+b', 'the option databases does not have it'],
    ['postgres', 'the option databases does not have it'],
    ['shop_old', 'the option excludeDatabases has *_old'],
    ['Shop', 'the option databases does not have it'],
  ]);
});

test('a pattern that matches nothing is a warning', () => {
  expect(select(['shop', 'ware*']).warnings).toEqual([
    'the option databases has ware*, which matches no database',
  ]);
});

test.each([
  [['shop', 'nope'], [], '"nope" is configured to be dumped, but is not on the server'],
  [['locked'], [], 'but cannot be: it allows no connections'],
  [['shop'], ['*'], 'No database is left'],
  [['ware*'], [], 'No database is left'],
])('%j without %j are refused', (databases, exclude, message) => {
  expect(() => select(databases, exclude)).toThrow(
    expect.objectContaining({
      code: 'SOURCE_DATABASE',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('shop'),
    }),
  );
});
