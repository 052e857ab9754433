import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../contract/errors.ts';
import { parseWalFileName } from '../../contract/wal-segments.ts';
import { findWalFile, type WalFile, type WalReader } from './fetch-wal.ts';
import { type LaterWal, laterWal } from './later-wal.ts';

/**
 * Several segments are on their way at once, and the later one may be there first: what follows on a gap
 * and was stored no longer ago may be no more than that. Milliseconds.
 */
const JUST_STORED_MS = 60_000;
/** How often, and after which pause, such a gap is looked at again. Milliseconds. */
export const LOOKS = 6;
export const PAUSE_MS = 500;

/**
 * What a server that recovers is told of a WAL file: here it is, or `undefined`: WAL ends before it. It
 * promotes then, so that is said only when nothing in the vault comes after.
 *
 * @param until recovery has a target, which it reaches before this: there it may end, whatever comes after.
 * @throws HoldfastError WAL_GAP when it is missing, or the end of it, and something comes after;
 * VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function answerWalRequest(
  reader: WalReader,
  name: string,
  until?: bigint,
): Promise<WalFile | undefined> {
  const asked = parseWalFileName(name);
  // Labels of backups are not archived by streaming, and not needed to recover.
  if (asked?.is === 'backup') return undefined;
  for (let looks = 1; ; looks += 1) {
    const found = await findWalFile(reader, name);
    if (asked?.is !== 'segment' || found?.from === 'object') return found;
    const later = await laterWal(reader, name, until);
    const reach = found?.reach ?? 0;
    if (later === undefined || reach >= later.needed) return found;
    if (looks === LOOKS || !isJustStored(later.storedAt)) throw gap(name, reach, later);
    await sleep(PAUSE_MS, undefined, { signal: reader.signal });
  }
}

/** Whether what comes before it may still be on its way. */
export function isJustStored(storedAt: Date | undefined): boolean {
  return storedAt !== undefined && Date.now() - storedAt.getTime() < JUST_STORED_MS;
}

function gap(name: string, reach: number, later: LaterWal): HoldfastError {
  return new HoldfastError(
    'WAL_GAP',
    `The vault has ${reach === 0 ? 'nothing' : `only ${reach} bytes`} of the WAL segment ${name}, and WAL that comes after it: ${later.key}.`,
    {
      hint: 'Recovery cannot pass it: choose a target before it, or a base backup after it (holdfast verify, holdfast list).',
    },
  );
}
