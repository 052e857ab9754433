import { type ListOptions, listVersions, type ObjectVersion } from './object-versions.ts';
import type { VaultReader } from './vault-reader.ts';

/** A key as the listing shows it. */
export interface ListedObject {
  readonly key: string;
  /** The oldest version, which is the one that counts. */
  readonly versionId: string;
  /** Of the object as it is stored. */
  readonly bytes: number;
  readonly lastModified: Date;
  readonly versions: number;
  readonly deleteMarkers: number;
}

/**
 * Every key under a prefix by its oldest version, in order.
 *
 * @param warnings told of keys of which nothing is left but a delete marker.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function* listObjects(
  vault: VaultReader,
  prefix: string,
  warnings: string[],
  options: ListOptions = {},
): AsyncGenerator<ListedObject> {
  for await (const versions of byKey(listVersions(vault, prefix, options))) {
    const object = oldestOf(versions);
    if (object !== undefined) yield object;
    else warnings.push(`${versions[0]?.key} has a delete marker and no version: it is gone.`);
  }
}

/** The object under exactly this key; `undefined`: there is none. */
export async function findObject(
  vault: VaultReader,
  key: string,
): Promise<ListedObject | undefined> {
  for await (const object of listObjects(vault, key, [])) {
    if (object.key === key) return object;
    if (object.key > key) break;
  }
  return undefined;
}

async function* byKey(versions: AsyncIterable<ObjectVersion>): AsyncGenerator<ObjectVersion[]> {
  let group: ObjectVersion[] = [];
  for await (const version of versions) {
    if (group[0] !== undefined && group[0].key !== version.key) {
      yield group;
      group = [];
    }
    group.push(version);
  }
  if (group.length > 0) yield group;
}

function oldestOf(all: readonly ObjectVersion[]): ListedObject | undefined {
  const versions = all.filter(({ deleteMarker }) => !deleteMarker);
  // A key's versions come newest first.
  const oldest = versions.at(-1);
  if (oldest === undefined) return undefined;
  const { key, versionId, bytes = 0, lastModified } = oldest;
  const deleteMarkers = all.length - versions.length;
  return { key, versionId, bytes, lastModified, versions: versions.length, deleteMarkers };
}
