const BLOCK = 512;
/** Where a header has its fields: from, to, bytes. */
const NAME = [0, 100] as const;
const MODE = [100, 108] as const;
const SIZE = [124, 136] as const;
const CHECKSUM = [148, 156] as const;
const TYPE = 156;
const USTAR = [257, 262] as const;
const PREFIX = [345, 500] as const;
/** In a number's first byte: it is not octal digits, but binary. */
const BINARY = 0x80;
/** A tar archive ends with two blocks of zeros. */
const END_BLOCKS = 2;

export interface TarEntry {
  readonly name: string;
  /** One character, of which PostgreSQL writes `0` for a file and `5` for a directory. */
  readonly type: string;
  /** Of its content, bytes. */
  readonly size: number;
  readonly mode: number;
}

/** Is told what is in a tar, in its order. What it throws ends the walk. */
export interface TarVisitor {
  begin(entry: TarEntry): void;
  /** Looks at a piece of the entry's content, which is overwritten afterwards. */
  content(piece: Buffer): void;
  end(): void;
}

/**
 * Walks through a tar as it comes, in pieces of any size, without copying content. It knows what PostgreSQL
 * writes: plain headers, sizes of any length, and no extensions.
 */
export class TarWalker {
  readonly #visitor: TarVisitor;
  readonly #header = Buffer.alloc(BLOCK);
  #filled = 0;
  /** Of the entry's content, bytes. */
  #left = 0;
  /** Until the next header, bytes. */
  #padding = 0;
  #endBlocks = 0;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  /** @throws Error what is wrong with the archive, or what the visitor throws. */
  take(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#left > 0) {
        const content = piece.subarray(at, at + this.#left);
        this.#visitor.content(content);
        at += content.length;
        this.#left -= content.length;
        if (this.#left === 0) this.#visitor.end();
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, piece.length - at);
        at += skipped;
        this.#padding -= skipped;
      } else {
        const copied = piece.copy(this.#header, this.#filled, at);
        at += copied;
        this.#filled += copied;
        if (this.#filled === BLOCK) this.#takeHeader();
      }
    }
  }

  /** @throws Error unless the archive is whole to its end. */
  end(): void {
    if (this.#endBlocks < END_BLOCKS || this.#filled > 0) throw new Error('it lacks its end');
  }

  #takeHeader(): void {
    this.#filled = 0;
    if (this.#header.every((byte) => byte === 0)) {
      this.#endBlocks += 1;
      return;
    }
    if (this.#endBlocks > 0) throw new Error('something follows its end');
    const entry = readHeader(this.#header);
    this.#left = entry.size;
    this.#padding = (BLOCK - (entry.size % BLOCK)) % BLOCK;
    this.#visitor.begin(entry);
    if (entry.size === 0) this.#visitor.end();
  }
}

function readHeader(header: Buffer): TarEntry {
  if (sumOf(header) !== numberIn(header, CHECKSUM)) throw new Error('a header of it is damaged');
  const prefix = textIn(header, USTAR) === 'ustar' ? textIn(header, PREFIX) : '';
  const name = textIn(header, NAME);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    // What came before POSIX wrote nothing for a file.
    type: header[TYPE] === 0 ? '0' : String.fromCharCode(header[TYPE] ?? 0),
    size: numberIn(header, SIZE),
    mode: numberIn(header, MODE),
  };
}

/** Of all bytes, those of the sum itself taken for spaces. */
function sumOf(header: Buffer): number {
  return header.reduce(
    (sum, byte, at) => sum + (at >= CHECKSUM[0] && at < CHECKSUM[1] ? 0x20 : byte),
    0,
  );
}

function textIn(header: Buffer, [from, to]: readonly [number, number]): string {
  const end = header.indexOf(0, from);
  return header.toString('utf8', from, end === -1 || end > to ? to : end);
}

function numberIn(header: Buffer, [from, to]: readonly [number, number]): number {
  const first = header[from] ?? 0;
  if (first === BINARY) {
    const number = header.subarray(from + 1, to).reduce((sum, byte) => sum * 256 + byte, 0);
    if (Number.isSafeInteger(number)) return number;
  }
  const digits = header
    .toString('latin1', from, to)
    .replace(/[\0 ]+$/, '')
    .trimStart();
  if (!/^[0-7]*$/.test(digits)) throw new Error('a header of it has a number that is none');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}
