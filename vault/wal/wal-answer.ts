import { HoldfastError } from '../../contract/errors.ts';
import { parseWalFileName } from '../../contract/wal-segments.ts';
import { findWalFile, type WalFile, type WalReader } from './fetch-wal.ts';
import { laterWal } from './later-wal.ts';

/**
 * What a server that recovers is told of a WAL file: here it is, or `undefined`: WAL ends before it. It
 * promotes then, so that is said only when nothing in the vault comes after.
 *
 * @throws HoldfastError WAL_GAP when it is missing, or the end of it, and something comes after;
 * VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function answerWalRequest(
  reader: WalReader,
  name: string,
): Promise<WalFile | undefined> {
  const asked = parseWalFileName(name);
  // Labels of backups are not archived by streaming, and not needed to recover.
  if (asked?.is === 'backup') return undefined;
  const found = await findWalFile(reader, name);
  if (asked?.is !== 'segment' || found?.from === 'object') return found;
  const later = await laterWal(reader, name);
  const reach = found?.reach ?? 0;
  if (later === undefined || reach >= later.needed) return found;
  throw new HoldfastError(
    'WAL_GAP',
    `The vault has ${reach === 0 ? 'nothing' : `only ${reach} bytes`} of the WAL segment ${name}, and WAL that comes after it: ${later.key}.`,
    {
      hint: 'Recovery cannot pass it: choose a target before it, or a base backup after it (holdfast verify, holdfast list).',
    },
  );
}
