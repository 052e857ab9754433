import { HoldfastError } from '../contract/errors.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { PhysicalManifest } from '../contract/physical-manifest.ts';
import { type CatalogEntry, readManifest } from '../vault/catalog.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import type { Io } from './io.ts';

/** Manifests read at a time. */
const AT_ONCE = 16;

/** A backup with its manifest, or with why that cannot be read. */
export type ReadBackup = { readonly entry: CatalogEntry } & (
  | { readonly manifest: Manifest; readonly problem?: undefined }
  | { readonly manifest?: undefined; readonly problem: string }
);

/**
 * Reads what a listing found. One unreadable manifest must not hide the others.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readBackups(
  vault: VaultReader,
  entries: readonly CatalogEntry[],
  io: Pick<Io, 'signal'>,
): Promise<ReadBackup[]> {
  const read: ReadBackup[] = [];
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    io.signal.throwIfAborted();
    read.push(
      ...(await Promise.all(
        entries.slice(at, at + AT_ONCE).map(async (entry): Promise<ReadBackup> => {
          try {
            return { entry, manifest: await readManifest(vault, entry) };
          } catch (error) {
            if (!(error instanceof HoldfastError) || !isAboutOneBackup(error)) throw error;
            return { entry, problem: error.message };
          }
        }),
      )),
    );
  }
  return read;
}

/** A cluster's physical backups among them. */
export function physicalOf(read: readonly ReadBackup[], cluster: string): PhysicalManifest[] {
  return read.flatMap(({ entry, manifest }) =>
    entry.cluster === cluster && manifest?.kind === 'physical' ? [manifest] : [],
  );
}

function isAboutOneBackup({ code }: HoldfastError): boolean {
  return code === 'MANIFEST_INVALID' || code === 'VAULT_INTEGRITY';
}
