import { HoldfastError } from '../../contract/errors.ts';
import { parseWalFileName } from '../../contract/wal-segments.ts';
import { indexSegment } from './index-segment.ts';
import type { PutOutcome } from './put-wal.ts';
import { PageCheck } from './wal-pages.ts';
import type { WalVault } from './wal-vault.ts';
import { composeFile, putHistory, putPartial, putSegment } from './wal-writer.ts';

/**
 * Writes a file that PostgreSQL wants archived into the vault. A segment is looked at before: that it is
 * whole, and that its pages are those of its name and of this server; and what lies in it is noted.
 *
 * @param before reads the segment before it, which tells of the record that this one may begin in the midst of.
 * @param complete until when there was nothing beyond it, where that is known.
 * @returns `other` where the vault has another `.partial`: the first one stays.
 * @throws HoldfastError REQUEST_INVALID when it is no such file, WAL_CONFLICT, SOURCE_SETTINGS,
 * VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function pushWalFile(
  vault: WalVault,
  name: string,
  bytes: Buffer,
  before: () => Promise<Buffer | undefined>,
  complete?: string,
): Promise<PutOutcome | 'other'> {
  const file = parseWalFileName(name);
  switch (file?.is) {
    case 'segment':
      checkPages(vault, name, bytes);
      return await putSegment(vault, name, await composeFile(vault, name, bytes), {
        index: await indexSegment(name, bytes, before),
        complete,
      });
    case 'partial':
      return await putPartial(vault, file.segment, await composeFile(vault, name, bytes));
    case 'history':
    case 'backup':
      return await putHistory(vault, name, bytes);
    case undefined:
      throw new HoldfastError('REQUEST_INVALID', `"${name}" is no file that PostgreSQL archives.`, {
        hint: "Give archive_command's %p as it is.",
      });
  }
}

function checkPages({ systemIdentifier }: WalVault, segment: string, bytes: Buffer): void {
  const timeline = Number.parseInt(segment.slice(0, 8), 16);
  const wrong = (found: string) => notWhole(segment, found);
  const pages = new PageCheck({ timeline, segment, systemIdentifier, wrong });
  pages.update(bytes);
  if (pages.segmentBytes === bytes.length) return;
  throw wrong(`it has ${bytes.length} of ${pages.segmentBytes ?? 'unknown'} bytes`);
}

function notWhole(segment: string, found: string): HoldfastError {
  return new HoldfastError(
    'REQUEST_INVALID',
    `The file ${segment} is not that segment: ${found}.`,
    {
      hint: 'Nothing was written. Look at pg_wal: a file was copied there, or the disk lost something.',
    },
  );
}
