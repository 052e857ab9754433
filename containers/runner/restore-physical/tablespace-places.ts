import { mkdir, readdir, symlink } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';

/** Below the data directory: tablespaces that nobody gave a place. */
const TABLESPACES = 'holdfast-tablespaces';

/** By this a server would look for its tablespaces where the source has them: it is never unpacked. */
export const TABLESPACE_MAP = 'tablespace_map';

/** A tablespace, and where it is going to lie. */
export interface TablespacePlace {
  readonly oid: number;
  readonly name: string;
  /** Where the source has it, which may be this very machine: never written to unless named. */
  readonly was: string;
  readonly path: string;
  /** Whether somebody named it; else it lies below the data directory. */
  readonly named: boolean;
}

/**
 * Decides where each tablespace goes: where `--tablespace-mapping` says, else below the data directory.
 *
 * @param mapping `OLD=NEW` as old to new, both absolute.
 * @throws HoldfastError REQUEST_INVALID when a mapping fits no tablespace, or two get one place
 */
export function placeTablespaces(
  { label, tablespaces }: Pick<PhysicalManifest, 'label' | 'tablespaces'>,
  directory: string,
  mapping: ReadonlyMap<string, string>,
): TablespacePlace[] {
  const locations = new Set(tablespaces.map(({ location }) => location));
  for (const old of mapping.keys()) {
    if (locations.has(old)) continue;
    throw invalid(
      `${label} has no tablespace in ${old}: ${[...locations].join(', ') || 'it has none at all'}.`,
    );
  }
  const places = tablespaces.map(({ oid, name, location }): TablespacePlace => {
    const given = mapping.get(location);
    const path = given ?? join(directory, TABLESPACES, String(oid));
    return { oid, name, was: location, path, named: given !== undefined };
  });
  for (const { path, named } of places) {
    if (!named) continue;
    if (!isAbsolute(path)) throw invalid(`The tablespace's new place ${path} is not absolute.`);
    if (isWithin(path, directory) || isWithin(directory, path)) {
      throw invalid(`The tablespace's new place ${path} and ${directory} lie in one another.`);
    }
    if (places.some((other) => other.path !== path && isWithin(other.path, path))) {
      throw invalid(`Two tablespaces' new places lie in one another: ${path}.`);
    }
  }
  if (new Set(places.map(({ path }) => path)).size < places.length) {
    throw invalid('Two tablespaces are to lie in the same place.');
  }
  return places;
}

/** Makes the links by which PostgreSQL finds them; what base.tar had of them is none. */
export async function linkTablespaces(
  directory: string,
  places: readonly Pick<TablespacePlace, 'oid' | 'path'>[],
): Promise<void> {
  const links = join(directory, 'pg_tblspc');
  await mkdir(links, { recursive: true, mode: 0o700 });
  const there = await readdir(links);
  if (there.length > 0) {
    throw new HoldfastError('VAULT_INTEGRITY', `The base backup holds pg_tblspc/${there[0]}.`, {
      hint: 'Nothing was started: tablespaces have tars of their own. Use another backup, and report this one.',
    });
  }
  for (const { oid, path } of places) await symlink(path, join(links, String(oid)));
}

function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || (!way.startsWith('..') && !isAbsolute(way));
}

function invalid(message: string): HoldfastError {
  return new HoldfastError('REQUEST_INVALID', message, {
    hint: 'Give --tablespace-mapping OLD=NEW with the place on the source, and an empty directory here.',
  });
}
