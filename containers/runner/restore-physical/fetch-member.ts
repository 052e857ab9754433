import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { type ArtifactReader, readArtifactStream } from '../../../vault/fetch-artifact.ts';
import { doWork, type Work } from '../restore/work-pool.ts';
import { type MemberStream, memberStreams } from './member-streams.ts';
import { TABLESPACE_MAP } from './tablespace-places.ts';
import { unpack } from './unpack.ts';

/** Streams fetched, decrypted and unpacked at a time: each is two cores' work. */
const STREAMS = 2;

/** A member of a chain, and where it is put. */
export interface PlacedMember {
  readonly manifest: PhysicalManifest;
  /** Empty. */
  readonly directory: string;
  /** Of each tablespace, by oid: empty. */
  readonly tablespaces: ReadonlyMap<number, string>;
  /** Whether its WAL is needed: it is that of the newest member that a server begins with. */
  readonly wal: boolean;
}

/**
 * Fetches base backups: everything is decrypted and unpacked as it comes, and proven whole only when
 * this has ended. Whether it is what PostgreSQL backed up, its own backup_manifest says afterwards. The
 * small ones of a chain are fetched beside the large one.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function fetchMembers(
  reader: ArtifactReader,
  members: readonly PlacedMember[],
): Promise<void> {
  // Its directories are the others' parents.
  for (const { directory } of members) await mkdir(join(directory, 'pg_wal'), { mode: 0o700 });
  const work = members.flatMap((member) => workOf(reader, member));
  await doWork(work, STREAMS, reader.signal);
}

function workOf(reader: ArtifactReader, member: PlacedMember): Work[] {
  const { manifest, wal } = member;
  const streams = memberStreams(manifest).filter(({ is }) => is !== 'wal' || wal);
  return streams.map((one) => async (signal) => {
    const bytes = readArtifactStream({ ...reader, signal }, manifest, one.stream);
    await put(one, bytes, member);
    return [];
  });
}

async function put(
  { is, oid }: MemberStream,
  bytes: AsyncIterable<Buffer>,
  { directory, tablespaces }: PlacedMember,
): Promise<void> {
  switch (is) {
    case 'base':
      await unpack(bytes, directory, [TABLESPACE_MAP]);
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
