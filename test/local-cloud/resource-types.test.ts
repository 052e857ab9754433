import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { synthesize } from './deploy.ts';
import { NOT_LOCAL } from './not-local.ts';
import { ADAPTERS, typesIn, unknownTypes } from './resources/adapters.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-types-test-'));
afterAll(() => rmSync(directory, { recursive: true }));

test.each(['local', 'example'])(
  'every resource type of %s has an adapter, or a reason why not',
  async (environment) => {
    const assembly = await synthesize({
      environment,
      output: join(directory, environment),
      region: 'eu-central-1',
      account: '000000000000',
      logFile: join(directory, `${environment}.log`),
    });
    expect(unknownTypes(typesIn(assembly))).toEqual([]);
  },
  120_000,
);

test('a type that nobody has thought about is named', () => {
  expect(unknownTypes(['AWS::S3::Bucket', 'AWS::New::Thing'])).toEqual(['AWS::New::Thing']);
});

test('no type has both an adapter and a reason', () => {
  expect(Object.keys(ADAPTERS).filter((type) => type in NOT_LOCAL)).toEqual([]);
});
