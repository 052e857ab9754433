import { z } from 'zod';
import { HoldfastError } from './errors.ts';
import { explainIssues } from './explain-issues.ts';
import { LogicalManifest } from './logical-manifest.ts';
import { MANIFEST_VERSION } from './manifest-base.ts';
import { PhysicalManifest } from './physical-manifest.ts';

/** The record that makes a backup exist. Plain JSON: names, sizes and counts, never values or secrets. */
export const Manifest = z.discriminatedUnion('kind', [LogicalManifest, PhysicalManifest]);
export type Manifest = z.infer<typeof Manifest>;

/**
 * The manifest as one of its kind.
 *
 * @throws HoldfastError REQUEST_INVALID when the backup is of another kind.
 */
export function manifestOfKind<Kind extends Manifest['kind']>(
  manifest: Manifest,
  kind: Kind,
): Extract<Manifest, { kind: Kind }> {
  if (manifest.kind === kind) return manifest as Extract<Manifest, { kind: Kind }>;
  throw new HoldfastError(
    'REQUEST_INVALID',
    `${manifest.label} is a ${manifest.kind} backup, and a ${kind} one is needed.`,
    { hint: 'See what there is: holdfast list' },
  );
}

export function buildManifest(manifest: Manifest): string {
  return `${JSON.stringify(Manifest.parse(manifest), null, 1)}\n`;
}

/**
 * Reads a manifest.
 *
 * @param where named in the error: the object's key.
 * @throws HoldfastError MANIFEST_INVALID, also for versions newer than this reader knows.
 */
export function parseManifest(text: string, where: string): Manifest {
  const value = parseJson(text, where);
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > MANIFEST_VERSION) {
    throw new HoldfastError(
      'MANIFEST_INVALID',
      `${where} is a manifest of version ${version}; this Holdfast reads up to ${MANIFEST_VERSION}.`,
      { hint: 'Use the version of Holdfast that wrote it, or a newer one.' },
    );
  }
  const parsed = Manifest.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HoldfastError(
    'MANIFEST_INVALID',
    `${where} is not a valid manifest: ${explainIssues(parsed.error)}`,
    { hint: 'Compare the object with docs/FORMAT.md; its oldest version is the one that counts.' },
  );
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError('MANIFEST_INVALID', `${where} is not JSON.`, {
      hint: 'The oldest version of the key is the one that counts: list the versions of the object.',
      cause,
    });
  }
}
