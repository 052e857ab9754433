import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type ArchiveHead, CUSTOM, type DumpToc, type TocEntry } from './dump-toc.ts';

/** From this version of the archive on, a byte names the compression; before it, an integer the level. */
const NAMED_COMPRESSION = 15;
const COMPRESSION = { none: 0, zstd: 3 } as const;

/** Where an entry's data lies: to be looked for, or nowhere. */
const PLACE = { unknown: 1, none: 3 } as const;
const DATA_BLOCK = 1;

/** What each session of `pg_restore` sets first. */
const SETTINGS = ['ENCODING', 'STDSTRINGS', 'SEARCHPATH'];

/** What the compression of a dump's file is called in its name; those that can be put into an archive. */
export const FILE_SUFFIXES = ['', '.zst', '.gz'] as const;
export type FileSuffix = (typeof FILE_SUFFIXES)[number];

/**
 * Makes one file of a directory dump into a custom archive that holds this table's data alone.
 * `pg_restore` reads such a one from standard input, whereas a dump's directory must hold regular
 * files: so a table can be loaded that never lies on a disk.
 *
 * The end comes only after the last byte of `data`: when `data` throws instead, `pg_restore` finds the
 * archive cut off, and rolls its COPY back.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_dump/pg_backup_custom.c
 * @param data the file's bytes.
 */
export async function* tableArchive(
  { head, entries }: DumpToc,
  table: TocEntry,
  suffix: FileSuffix,
  data: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const number = (value: number): Buffer => integer(head, value);
  const settings = entries.filter(({ desc }) => SETTINGS.includes(desc));
  yield Buffer.concat([
    customHead(head, suffix === '.zst' ? COMPRESSION.zstd : COMPRESSION.none),
    number(settings.length + 1),
    ...settings.flatMap((entry) => [entry.bytes, place(head, PLACE.none)]),
    table.bytes,
    place(head, PLACE.unknown),
    Buffer.from([DATA_BLOCK]),
    number(table.dumpId),
  ]);
  // Such an archive's gzip has another frame than a file's.
  for await (const chunk of suffix === '.gz' ? gunzipped(data) : data) {
    if (chunk.length === 0) continue;
    yield number(chunk.length);
    yield chunk;
  }
  yield number(0);
}

function customHead({ bytes, formatAt, version, integerBytes }: ArchiveHead, code: number): Buffer {
  const head = Buffer.from(bytes);
  head[formatAt] = CUSTOM;
  if (version[1] >= NAMED_COMPRESSION) head[formatAt + 1] = code;
  else head.fill(0, formatAt + 1, formatAt + 2 + integerBytes);
  return head;
}

/** A sign, then bytes from the lowest on. */
function integer({ integerBytes }: ArchiveHead, value: number): Buffer {
  const bytes = Buffer.alloc(1 + integerBytes);
  bytes.writeUIntLE(value, 1, Math.min(integerBytes, 6));
  return bytes;
}

function place({ offsetBytes }: ArchiveHead, code: number): Buffer {
  const bytes = Buffer.alloc(1 + offsetBytes);
  bytes[0] = code;
  return bytes;
}

async function* gunzipped(data: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const feeding = pipeline(Readable.from(data, { objectMode: false }), gunzip);
  // Awaited only after the loop; a rejection that nobody awaits yet would end the process.
  feeding.catch(() => {});
  for await (const chunk of gunzip) yield chunk as Buffer;
  await feeding;
}
