import { describe, expect, test } from 'vitest';
import { buildManifest, parseManifest } from '../../contract/manifest.ts';
import { MANIFEST_VERSION } from '../../contract/manifest-base.ts';
import { exampleManifest } from '../fixtures/example-manifest.ts';

describe('the manifest', () => {
  test('is read as it was written', () => {
    expect(parseManifest(buildManifest(exampleManifest()), 'key')).toEqual(exampleManifest());
  });

  test.each(['custom', 'plain', 'dumpall'])('of the format %s is, too', (format) => {
    const whole = exampleManifest();
    const [database] = whole.databases;
    if (database?.format !== 'directory') throw new Error('The example has no directory.');
    const { pack, files: _, contents, format: __, ...facts } = database;
    const { name, oid, sizeBytes, compression, dataAsOf } = facts;
    const dump = { artifacts: pack.artifacts, bytes: pack.bytes };
    const startedAt = whole.startedAt;
    const manifest = {
      custom: { ...whole, databases: [{ ...facts, format: 'custom' as const, contents, dump }] },
      plain: { ...whole, databases: [{ ...facts, format: 'plain' as const, dump, schema: dump }] },
      dumpall: {
        ...whole,
        databases: [],
        dumpAll: {
          ...dump,
          compression,
          databases: [{ name, oid, sizeBytes }],
          startedAt,
          dataAsOf,
        },
      },
    }[format] as typeof whole;
    expect(parseManifest(buildManifest(manifest), 'key')).toEqual(manifest);
  });

  test('of a newer version is refused by its number', () => {
    const text = JSON.stringify({ ...exampleManifest(), version: MANIFEST_VERSION + 1 });
    expect(() => parseManifest(text, 'clusters/orders/catalog/x.json')).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_INVALID',
        message: expect.stringContaining(`version ${MANIFEST_VERSION + 1}`),
      }),
    );
  });

  test.each([
    ['no JSON', '{', /not JSON/],
    ['nothing', 'null', /not a valid manifest/],
    ['a field too many', JSON.stringify({ ...exampleManifest(), password: 'x' }), /password/],
    [
      'an artifact twice',
      JSON.stringify({
        ...exampleManifest(),
        artifacts: exampleManifest().artifacts.flatMap((a) => [a, a]),
      }),
      /artifacts.*same name/,
    ],
    [
      'a database twice',
      JSON.stringify({
        ...exampleManifest(),
        databases: exampleManifest().databases.flatMap((d) => [
          d,
          { ...d, oid: d.oid + 1_000_000 },
        ]),
      }),
      /databases.*same name/,
    ],
    [
      'two databases of one oid',
      JSON.stringify({
        ...exampleManifest(),
        databases: exampleManifest().databases.flatMap((d) => [d, { ...d, name: `${d.name}2` }]),
      }),
      /databases.*same oid/,
    ],
    ['no artifact', JSON.stringify({ ...exampleManifest(), artifacts: [] }), /artifacts/],
  ])('%s is refused, and the object is named', (_, text, found) => {
    expect(() => parseManifest(text, 'clusters/orders/catalog/x.json')).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_INVALID',
        message: expect.stringMatching(found),
      }),
    );
    expect(() => parseManifest(text, 'clusters/orders/catalog/x.json')).toThrow(/clusters\/orders/);
  });

  test('what is wrong is never written', () => {
    expect(() => buildManifest({ ...exampleManifest(), label: 'x' })).toThrow();
  });
});
