import { isDeepStrictEqual } from 'node:util';
import type { ArtifactStream } from '../../../contract/artifacts.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import type { DirectoryEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import type { PackInventory } from '../../../contract/pack-inventory.ts';

/**
 * An artifact's name is part of what its encryption is bound to, the manifest's word for which file
 * it belongs to is not: so the name alone says which file, and which piece of it.
 *
 * @param stem what the stream's artifacts are called, but for their numbers.
 * @throws HoldfastError VAULT_INTEGRITY when the manifest gives others, or not all from the first on
 */
export function assertNamed({ artifacts }: ArtifactStream, stem: string): void {
  const wrong = artifacts.findIndex(
    (name, index) => name !== `${stem}.${String(index + 1).padStart(4, '0')}`,
  );
  if (wrong < 0) return;
  throw forged(`gives ${artifacts[wrong]} for piece ${wrong + 1} of ${stem}`);
}

/**
 * Compares the manifest's big files with those that the pack says there are: whoever wrote the
 * manifest may have left out the end of one, or one that the table of contents does not name.
 *
 * @throws HoldfastError VAULT_INTEGRITY
 */
export function assertInventory(
  manifest: LogicalManifest,
  { files }: DirectoryEntry,
  inventory: PackInventory,
): void {
  const plain = new Map(manifest.artifacts.map((artifact) => [artifact.name, artifact.plain]));
  const named = new Map(
    files.map(({ name, artifacts }) => [name, artifacts.map((artifact) => plain.get(artifact))]),
  );
  // The maps above would hide one of two.
  if (named.size !== files.length) throw forged('gives a file twice');
  for (const name of new Set([...named.keys(), ...Object.keys(inventory.files)])) {
    const [given, packed] = [named.get(name), inventory.files[name]];
    if (isDeepStrictEqual(given, packed)) continue;
    throw forged(
      `gives ${given?.length ?? 0} pieces for ${name}, of which the dump has ${packed?.length ?? 0}, or other ones`,
    );
  }
}

function forged(found: string): HoldfastError {
  return new HoldfastError('VAULT_INTEGRITY', `The backup's manifest ${found}.`, {
    hint: 'Nothing was restored. The manifest has been forged: look who wrote it (CloudTrail), and use another backup.',
  });
}
