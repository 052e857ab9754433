import { describe, expect, test } from 'vitest';
import {
  artifactKey,
  catalogPrefix,
  manifestKey,
  parseArtifactKey,
  parseManifestKey,
} from '../../contract/vault-keys.ts';

const label = '20261120T030000Z-logical-full-7f3a9c';

describe('vault keys', () => {
  test('lie where the format says', () => {
    expect(manifestKey('orders', label)).toBe(`clusters/orders/catalog/${label}.json`);
    expect(artifactKey('orders', label, 'db-5/pack.tar.0001')).toBe(
      `clusters/orders/backups/${label}/db-5/pack.tar.0001`,
    );
    expect(manifestKey('orders', label).startsWith(catalogPrefix('orders'))).toBe(true);
  });

  test('are taken apart as they were built', () => {
    expect(parseManifestKey(manifestKey('orders', label))).toEqual({ cluster: 'orders', label });
    expect(parseArtifactKey(artifactKey('orders', label, 'a/b'))).toEqual({
      cluster: 'orders',
      label,
      artifact: 'a/b',
    });
  });

  test.each([
    'clusters/orders/catalog/rollup/2026-11.json',
    'clusters/orders/catalog/x.json',
    `clusters/Orders/catalog/${label}.json`,
    `clusters/orders/backups/${label}/a`,
  ])('%s is no manifest', (key) => {
    expect(parseManifestKey(key)).toBeUndefined();
  });
});
