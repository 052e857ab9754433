import { expect, test } from 'vitest';
import { findDatabases } from '../../../containers/runner/restore/check-databases.ts';
import { exampleManifest } from '../../fixtures/example-manifest.ts';

const whole = {
  ...exampleManifest(),
  databases: [],
  dumpAll: {
    artifacts: ['dumpall.sql.zst.0001'],
    bytes: 10,
    compression: 'zstd:1',
    databases: [
      { name: 'postgres', oid: 5, sizeBytes: 1 },
      { name: 'shop', oid: 6, sizeBytes: 1 },
    ],
    startedAt: '2026-11-20T03:00:20.000Z',
    dataAsOf: '2026-11-20T03:00:20.000Z',
  },
};

test('one dump of everything is refused as such when all is asked for, else by the name', () => {
  expect(() => findDatabases(whole, undefined)).toThrow(
    'The backup is one plain SQL of the whole cluster, made by pg_dumpall: this command cannot restore it.',
  );
  expect(() => findDatabases(whole, ['shop'])).toThrow(
    '"shop" cannot be restored out of it alone.',
  );
  expect(findDatabases(exampleManifest(), undefined).map(({ name }) => name)).toEqual(
    exampleManifest().databases.map(({ name }) => name),
  );
});
