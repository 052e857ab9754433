import { statfsSync } from 'node:fs';
import { HoldfastError } from '../../../contract/errors.ts';

/** What stays free, for what is written between two looks. Bytes; and part of a smaller disk. */
const RESERVE = { bytes: 512 * 1024 * 1024, part: 1 / 8 } as const;

const MIB = 1024 * 1024;

/**
 * Ends a backup before its disk is full, whatever a cap may say of the rest: who writes a file that lies
 * apart can neither be held up nor be told to write less.
 *
 * @param directory in the file system.
 * @param apartBytes what the file takes.
 * @throws HoldfastError SPOOL_STALLED
 */
export function assertRoom(directory: string, apartBytes: number): void {
  const { bavail, bsize, blocks } = statfsSync(directory);
  const [free, all] = [bavail * bsize, blocks * bsize];
  if (free >= Math.min(RESERVE.bytes, all * RESERVE.part)) return;
  const [left, of, wal] = [free, all, apartBytes].map((bytes) => Math.round(bytes / MIB));
  throw new HoldfastError(
    'SPOOL_STALLED',
    `The spool's disk has ${left} of ${of} MiB left, and ${wal} MiB of WAL lie on it: the server writes more meanwhile than is uploaded.`,
    {
      hint: "Look at the path to S3, or take the backup in a quieter hour; a larger ephemeralStorageGiB helps, and where the cluster's WAL is streamed, physical.wal: 'archive', which leaves it out.",
    },
  );
}
