import { Chains } from '../contract/chains.ts';
import { parseLabel } from '../contract/label.ts';
import type { PhysicalManifest } from '../contract/physical-manifest.ts';
import { listBackups } from '../vault/catalog.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import type { Io } from './io.ts';
import { physicalOf, readBackups } from './read-backups.ts';

/**
 * What rests on a physical backup, and what is wrong with those that it rests on.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function relativesOf(
  vault: VaultReader,
  manifest: PhysicalManifest,
  io: Io,
): Promise<{ readonly children: readonly string[]; readonly warnings: readonly string[] }> {
  const { entries } = await listBackups(vault, manifest.cluster);
  const physical = entries.filter(({ label }) => parseLabel(label)?.kind === 'physical');
  const chains = new Chains(physicalOf(await readBackups(vault, physical, io), manifest.cluster));
  return {
    children: chains.childrenOf(manifest.label),
    warnings: chains.problemsOf(manifest).map(({ is, found }) => `${is}: ${found}`),
  };
}
