import { open } from 'node:fs/promises';
import { type DumpToc, parseDumpToc } from './dump-toc.ts';

/** What is read at first; a table of contents that is longer is read again, twice as much. Bytes. */
const FIRST_READ = 1024 * 1024;

/**
 * Reads the table of contents of an archive, which comes first in it, however big the rest is.
 *
 * @throws HoldfastError VAULT_INTEGRITY when it is none, RESTORE_REFUSED when it is newer
 */
export async function readArchiveToc(path: string): Promise<DumpToc> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    for (let wanted = FIRST_READ; ; wanted *= 2) {
      const length = Math.min(size, wanted);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
      try {
        return parseDumpToc(buffer.subarray(0, bytesRead));
      } catch (error) {
        if (length === size) throw error;
      }
    }
  } finally {
    await file.close();
  }
}
