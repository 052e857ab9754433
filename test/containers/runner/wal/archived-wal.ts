import {
  parseLsn,
  segmentAt,
  segmentName,
  segmentStart,
} from '../../../../contract/wal-segments.ts';
import { findWalFile } from '../../../../vault/wal/fetch-wal.ts';
import { findWalPosition } from '../../../../vault/wal/wal-position.ts';
import { podmanBytes } from '../../../local-cloud/servers/container.ts';
import type { PostgresServer } from '../../../local-cloud/servers/postgres.ts';
import { DATA } from '../../../local-cloud/servers/postgres-scripts.ts';
import { waitUntil } from '../../../local-cloud/servers/wait-until.ts';
import type { RealVault } from '../../../vault/real-vault.ts';

export const SEGMENT_BYTES = 16 * 1024 * 1024;

type Vault = Pick<RealVault, 's3' | 'bucket' | 'dataKeys'>;

/** Up to where the vault has a timeline's WAL without a gap, by its listing, from a position on. */
export async function archivedUpTo(
  vault: Vault,
  cluster: string,
  timeline: number,
  from: bigint,
): Promise<bigint> {
  const options = { timeline, segmentBytes: SEGMENT_BYTES, from };
  return (await findWalPosition(vault, cluster, options))?.end ?? from;
}

/** A segment's bytes, whole or made of increments; filled up with zeros. */
export async function archivedSegment(
  vault: Vault,
  cluster: string,
  name: string,
): Promise<Buffer | undefined> {
  const file = await findWalFile({ vault, dataKeys: vault.dataKeys, cluster }, name);
  if (file === undefined) return undefined;
  const pieces: Buffer[] = [];
  for await (const piece of file.read()) pieces.push(piece);
  return Buffer.concat(pieces);
}

/**
 * Compares, byte by byte, what the vault has with the files of the server.
 *
 * @returns names of the segments that differ, are missing, or are too short.
 */
export async function differences(
  vault: Vault,
  cluster: string,
  server: PostgresServer,
  { timeline, from, to }: { timeline: number; from: bigint; to: bigint },
): Promise<string[]> {
  const wrong: string[] = [];
  for (let number = segmentAt(from, SEGMENT_BYTES); ; number += 1) {
    const start = segmentStart(number, SEGMENT_BYTES);
    if (start >= to) return wrong;
    const name = segmentName({ timeline, number }, SEGMENT_BYTES);
    const length = to - start < SEGMENT_BYTES ? Number(to - start) : SEGMENT_BYTES;
    const theirs = await podmanBytes(['exec', server.container, 'cat', `${DATA}/pg_wal/${name}`]);
    const ours = await archivedSegment(vault, cluster, name);
    if (ours?.subarray(0, length).equals(theirs.subarray(0, length)) !== true) wrong.push(name);
  }
}

/** How far the server's WAL is on its disk. */
export async function flushedUpTo(server: PostgresServer): Promise<bigint> {
  const { rows } = await server.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return parseLsn(String(rows[0].lsn));
}

/** What the server believes to be in the vault; 0: nobody streams. */
export async function acknowledged(server: PostgresServer, slot: string): Promise<bigint> {
  const { rows } = await server.query(
    `SELECT flush_lsn::text AS lsn FROM pg_stat_replication WHERE application_name = '${slot}'`,
  );
  return parseLsn(String(rows[0]?.lsn ?? '0/0'));
}

/** Waits until the server knows that all it has by now is in the vault. */
export async function waitForVault(
  server: PostgresServer,
  slot: string,
  explain: () => string = () => '',
): Promise<bigint> {
  const target = await flushedUpTo(server);
  await waitUntil(async () => (await acknowledged(server, slot)) >= target, {
    what: `the vault to have all up to ${target}`,
    timeoutMs: 150_000,
    explain,
  });
  return target;
}
