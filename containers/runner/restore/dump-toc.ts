import { HoldfastError } from '../../../contract/errors.ts';
import { decoderOf } from './dump-encoding.ts';

/** One entry of a dump's table of contents. */
export interface TocEntry {
  readonly dumpId: number;
  readonly tag: string;
  /** What it is: `TABLE`, `TABLE DATA`, `ACL`, `DATABASE PROPERTIES`, … */
  readonly desc: string;
  /** SQL that makes it; may hold several statements, or none. */
  readonly definition: string;
  readonly namespace: string;
  readonly tablespace: string;
  readonly owner: string;
  /** When `pg_restore` comes to it: before data, data, after data; 0 for what belongs to no section. */
  readonly section: number;
  /** Ids of the entries that it needs; what the dump does not hold may be among them. */
  readonly dependencies: readonly number[];
  /** File of its data, without the suffix of the compression; empty in a custom archive. */
  readonly file: string;
  /** As it stands in the archive, without what depends on the archive's format. */
  readonly bytes: Buffer;
}

/** An archive's sections, by the numbers it uses. */
export const SECTION = { preData: 2, data: 3, postData: 4 } as const;

/** What comes before an archive's entries, and how numbers are written in it. */
export interface ArchiveHead {
  /** All up to the number of entries. */
  readonly bytes: Buffer;
  readonly version: readonly [number, number];
  /** Bytes of an integer, without its sign. */
  readonly integerBytes: number;
  /** Bytes of an offset. */
  readonly offsetBytes: number;
  /** Where in `bytes` the format is told, and after it the compression. */
  readonly formatAt: number;
}

export interface DumpToc {
  /** Name of the database that was dumped. */
  readonly database: string;
  /** Version of the server that was dumped, such as `17.11 (Debian 17.11-1)`. */
  readonly serverVersion: string;
  readonly entries: readonly TocEntry[];
  readonly head: ArchiveHead;
}

const OLDEST = [1, 14];
const NEWEST = [1, 16];
/** The archiver's number of the custom format. */
export const CUSTOM = 1;

/**
 * Reads `toc.dat`, or the start of a custom archive. Read here and not from the text of `pg_restore -l`, whose fields are separated by
 * blanks that names may hold as well, and which does not show the SQL of grants and settings.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_dump/pg_backup_archiver.c ReadHead, ReadToc
 * @throws HoldfastError VAULT_INTEGRITY when it is none, RESTORE_REFUSED when it is newer
 */
export function parseDumpToc(bytes: Buffer): DumpToc {
  try {
    return readToc(new Cursor(bytes));
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError(
      'VAULT_INTEGRITY',
      `The dump's table of contents cannot be read: ${(cause as Error).message}.`,
      { hint: 'Restore another backup; keep this one to find out what wrote it.', cause },
    );
  }
}

function readToc(from: Cursor): DumpToc {
  if (from.raw(5).toString('latin1') !== 'PGDMP') throw new Error('it is not a PostgreSQL archive');
  const version = [from.byte(), from.byte()] as const;
  from.byte();
  if (isBefore(version, OLDEST) || isBefore(NEWEST, version)) throw unknownVersion(version);
  from.integerBytes = from.byte();
  const offsetBytes = from.byte();
  const formatAt = from.at;
  const format = from.byte();
  if (isBefore(version, [1, 15])) from.integer();
  else from.byte();
  // Seconds to years, and daylight saving: when it was made.
  for (let field = 0; field < 7; field += 1) from.integer();
  const database = from.text();
  const serverVersion = from.text();
  from.text();
  const head: ArchiveHead = {
    bytes: from.since(0),
    version,
    integerBytes: from.integerBytes,
    offsetBytes,
    formatAt,
  };
  const entries: TocEntry[] = [];
  for (let left = from.integer(); left > 0; left -= 1) {
    entries.push(readEntry(from, version, format === CUSTOM ? 1 + offsetBytes : undefined));
  }
  return { database, serverVersion, entries, head };
}

/** @param placeBytes size of the place of its data in a custom archive; a directory names a file. */
function readEntry(
  from: Cursor,
  version: readonly number[],
  placeBytes: number | undefined,
): TocEntry {
  const begin = from.at;
  const dumpId = from.integer();
  // Whether it has data, and the catalog's and its own object ids.
  from.integer();
  from.text();
  from.text();
  const tag = from.text();
  const desc = from.text();
  const section = from.integer();
  const definition = from.text();
  // The statements that would drop it, and copy its data.
  from.text();
  from.text();
  const namespace = from.text();
  const tablespace = from.text();
  from.text();
  if (!isBefore(version, [1, 16])) from.integer();
  const owner = from.text();
  from.text();
  const dependencies = [...from.textsUntilMissing()].map(Number);
  const bytes = from.since(begin);
  const file = placeBytes === undefined ? from.text() : '';
  if (placeBytes !== undefined) from.raw(placeBytes);
  const names = { dumpId, tag, desc, definition, namespace, tablespace, owner };
  return { ...names, section, dependencies, file, bytes };
}

/** Reads the archiver's integers (a sign, then little-endian bytes) and counted texts. */
class Cursor {
  integerBytes = 4;
  readonly #bytes: Buffer;
  readonly #decode: (text: Buffer) => string;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#decode = decoderOf(bytes);
  }

  get at(): number {
    return this.#at;
  }

  /** What was read from there up to here. */
  since(begin: number): Buffer {
    return this.#bytes.subarray(begin, this.#at);
  }

  raw(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#bytes.length) throw new Error('it is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.raw(1).readUInt8(0);
  }

  integer(): number {
    const negative = this.byte() !== 0;
    const value = this.raw(this.integerBytes).readUIntLE(0, Math.min(this.integerBytes, 6));
    return negative ? -value : value;
  }

  optionalText(): string | undefined {
    const length = this.integer();
    return length < 0 ? undefined : this.#decode(this.raw(length));
  }

  *textsUntilMissing(): Generator<string> {
    for (let text = this.optionalText(); text !== undefined; text = this.optionalText()) yield text;
  }

  text(): string {
    return this.optionalText() ?? '';
  }
}

function isBefore(one: readonly number[], other: readonly number[]): boolean {
  const [major = 0, minor = 0] = one;
  const [otherMajor = 0, otherMinor = 0] = other;
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

function unknownVersion(version: readonly number[]): HoldfastError {
  return new HoldfastError(
    'RESTORE_REFUSED',
    `The dump's archive format is ${version.join('.')}; this Holdfast reads ${OLDEST.join('.')} to ${NEWEST.join('.')}.`,
    { hint: 'Use the version of Holdfast that wrote the backup, or a newer one.' },
  );
}
