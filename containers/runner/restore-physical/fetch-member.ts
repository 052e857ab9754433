import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { type ArtifactReader, readArtifactStream } from '../../../vault/fetch-artifact.ts';
import { doWork, type Work } from '../restore/work-pool.ts';
import { type MemberStream, memberStreams } from './member-streams.ts';
import { unpack } from './unpack.ts';

/** Streams fetched, decrypted and unpacked at a time: each is two cores' work. */
const STREAMS = 2;

/** Where a member of a chain is put. */
export interface MemberPlace {
  /** Empty. */
  readonly directory: string;
  /** Of each tablespace, by oid: empty. */
  readonly tablespaces: ReadonlyMap<number, string>;
  /** Whether its WAL is needed: it is that of the newest member that a server begins with. */
  readonly wal: boolean;
}

/**
 * Fetches one base backup: everything is decrypted and unpacked as it comes, and proven whole only when
 * this has ended. Whether it is what PostgreSQL backed up, its own backup_manifest says afterwards.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function fetchMember(
  reader: ArtifactReader,
  manifest: PhysicalManifest,
  place: MemberPlace,
): Promise<void> {
  const streams = memberStreams(manifest).filter(({ is }) => is !== 'wal' || place.wal);
  const work = streams.map((one): Work => {
    return async (signal) => {
      const bytes = readArtifactStream({ ...reader, signal }, manifest, one.stream);
      await put(one, bytes, place);
      return [];
    };
  });
  // Its directories are the others' parents.
  await mkdir(join(place.directory, 'pg_wal'), { mode: 0o700 });
  await doWork(work, STREAMS, reader.signal);
}

async function put(
  { is, oid }: MemberStream,
  bytes: AsyncIterable<Buffer>,
  { directory, tablespaces }: MemberPlace,
): Promise<void> {
  switch (is) {
    case 'base':
      await unpack(bytes, directory);
      return;
    case 'wal':
      await unpack(bytes, join(directory, 'pg_wal'));
      return;
    case 'tablespace': {
      const place = tablespaces.get(oid ?? 0);
      if (place === undefined) throw new Error(`The tablespace ${oid} has no place.`);
      await unpack(bytes, place);
      return;
    }
    case 'manifest':
      await writeFile(join(directory, 'backup_manifest'), bytes, { flag: 'wx', mode: 0o600 });
      return;
  }
}
