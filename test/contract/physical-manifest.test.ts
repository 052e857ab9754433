import { describe, expect, test } from 'vitest';
import { buildManifest, manifestOfKind, parseManifest } from '../../contract/manifest.ts';
import { exampleManifest } from '../fixtures/example-manifest.ts';
import { examplePhysicalManifest } from '../fixtures/example-physical-manifest.ts';

const PARENT = '20261119T040000Z-physical-full-8a4b0d';

describe("a physical backup's manifest", () => {
  test('is read as it was written', () => {
    const manifest = examplePhysicalManifest({ type: 'incremental', chain: [PARENT] });
    expect(parseManifest(buildManifest(manifest), 'x')).toEqual(manifest);
  });

  test('names no backup of its chain twice, and no tablespace', () => {
    const twice = examplePhysicalManifest({ chain: [PARENT, PARENT] });
    expect(() => buildManifest(twice)).toThrow('two have the same label');
    const { tablespaces } = examplePhysicalManifest();
    const both = examplePhysicalManifest({ tablespaces: [...tablespaces, ...tablespaces] });
    expect(() => buildManifest(both)).toThrow('two have the same oid');
  });

  test('is not taken for one of the other kind', () => {
    const manifest = examplePhysicalManifest();
    expect(manifestOfKind(manifest, 'physical')).toBe(manifest);
    expect(() => manifestOfKind(manifest, 'logical')).toThrow(
      `${manifest.label} is a physical backup, and a logical one is needed.`,
    );
    expect(() => manifestOfKind(exampleManifest(), 'physical')).toThrow('is a logical backup');
  });
});
