import { formatLsn } from '../../contract/wal-segments.ts';
import {
  LONG_PAGE_HEADER_BYTES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_MAGIC,
  PageFlag,
  RECORD_HEADER_BYTES,
  type RecordKind,
  recordKind,
} from './wal-records.ts';

/** A record that somebody wants to look into. */
export interface WalRecord {
  readonly kind: Exclude<RecordKind, 'other' | 'switch'>;
  /** From its header on, as far as it was kept: valid during the call alone. */
  readonly record: Buffer;
  /** Where the next record may begin. */
  readonly end: bigint;
  /** Of the server that wrote it. */
  readonly major: number;
}

/** Records begin at multiples of it, and pages are multiples of it. Bytes. */
const ALIGNMENT = 8;

/** What is kept of a record. Longer ones are commits with thousands of subtransactions. */
const KEPT_BYTES = 64 * 1024;

/** No record is longer than PostgreSQL can allocate. Bytes. */
const LONGEST_RECORD = 1024 * 1024 * 1024;

/**
 * Walks along WAL as it comes, piece by piece, from one record to the next: pages begin with headers,
 * records go on over them. Every record names the place of the one before, so that a step into the
 * void is noticed at once.
 */
export class WalWalker {
  readonly #found: (record: WalRecord) => void;
  readonly #kept = Buffer.allocUnsafe(KEPT_BYTES);
  readonly #pageHeader = Buffer.allocUnsafe(LONG_PAGE_HEADER_BYTES);
  /** Bytes of the page's header that have come; the page's body follows. */
  #headerGot = 0;
  #headerSize = PAGE_HEADER_BYTES;
  /** Bytes left in the page. */
  #pageLeft = 0;
  /** Bytes to pass over, of a record whose beginning was not seen. */
  #skip = 0;
  /** Of the record that is being read; its length is known from the first four bytes. */
  #got = 0;
  #length = 0;
  #kind: RecordKind = 'other';
  #start = 0n;
  #previous: bigint | undefined;
  #major = 0;
  /** Nothing but empty pages follows in this segment. */
  #switched = false;
  #passedOver = false;

  constructor(found: (record: WalRecord) => void) {
    this.#found = found;
  }

  /** Whether of a record in this segment the beginning was not seen: what it says is not known. */
  get passedOver(): boolean {
    return this.#passedOver;
  }

  /** The next bytes begin a segment. */
  endSegment(): void {
    this.#switched = false;
    this.#passedOver = this.#skip > 0;
  }

  /** @throws Error where the bytes are not what PostgreSQL writes. */
  push(lsn: bigint, bytes: Buffer): void {
    if (this.#switched) return;
    for (let at = 0; at < bytes.length; ) {
      if (this.#pageLeft === 0) {
        at += this.#readPageHeader(lsn + BigInt(at), bytes, at);
      } else if (this.#skip > 0) {
        const passed = Math.min(this.#skip, this.#pageLeft, bytes.length - at);
        this.#skip -= passed;
        this.#pageLeft -= passed;
        at += passed;
      } else if (this.#got === 0 && this.#pageLeft % ALIGNMENT !== 0) {
        const passed = Math.min(this.#pageLeft % ALIGNMENT, bytes.length - at);
        this.#pageLeft -= passed;
        at += passed;
      } else {
        at += this.#readRecord(lsn, bytes, at);
        if (this.#switched) {
          this.#forget();
          return;
        }
      }
    }
  }

  #readPageHeader(lsn: bigint, bytes: Buffer, at: number): number {
    const taken = bytes.copy(
      this.#pageHeader,
      this.#headerGot,
      at,
      at + this.#headerSize - this.#headerGot,
    );
    this.#headerGot += taken;
    if (this.#headerGot < this.#headerSize) return taken;
    const info = this.#pageHeader.readUInt16LE(2);
    if (this.#headerSize === PAGE_HEADER_BYTES && (info & PageFlag.Long) !== 0) {
      this.#headerSize = LONG_PAGE_HEADER_BYTES;
      return taken;
    }
    const page = lsn + BigInt(taken - this.#headerSize);
    this.#beginPage(page, info);
    this.#pageLeft = PAGE_BYTES - this.#headerSize;
    this.#headerGot = 0;
    this.#headerSize = PAGE_HEADER_BYTES;
    return taken;
  }

  #beginPage(page: bigint, info: number): void {
    const header = this.#pageHeader;
    const magic = header.readUInt16LE(0);
    const major = PAGE_MAGIC.get(magic);
    if (major === undefined) throw new Error(`${formatLsn(page)}: a page of the kind ${magic}`);
    this.#major = major;
    const address = header.readBigUInt64LE(8);
    if (address !== page) {
      throw new Error(`${formatLsn(page)}: a page that calls itself ${formatLsn(address)}`);
    }
    const rest = header.readUInt32LE(16);
    const missing = this.#got > 0 ? this.#length - this.#got : this.#skip;
    if ((info & PageFlag.Overwritten) !== 0) {
      this.#got = 0;
      this.#skip = 0;
      // The one that stands in its place names the last whole one, or the broken one.
      this.#previous = undefined;
    } else if ((info & PageFlag.Continued) === 0) {
      if (missing > 0) throw new Error(`${formatLsn(page)}: a record that does not go on`);
    } else if (missing > 0) {
      if (missing !== rest) throw new Error(`${formatLsn(page)}: a record that goes on otherwise`);
    } else if (this.#previous === undefined) {
      // Its beginning lies before all that was seen.
      this.#skip = rest;
      this.#passedOver = true;
    } else {
      throw new Error(`${formatLsn(page)}: the rest of a record that was whole`);
    }
  }

  #readRecord(lsn: bigint, bytes: Buffer, at: number): number {
    if (this.#got === 0) {
      // Padding keeps the first four bytes together on one page, but not in one piece.
      this.#start = lsn + BigInt(at);
      this.#length = 0;
      this.#kind = 'other';
    }
    const wanted = this.#got < RECORD_HEADER_BYTES ? RECORD_HEADER_BYTES : this.#length;
    const taken = Math.min(wanted - this.#got, this.#pageLeft, bytes.length - at);
    if (this.#got < KEPT_BYTES && (this.#got < RECORD_HEADER_BYTES || this.#kind !== 'other')) {
      bytes.copy(this.#kept, this.#got, at, at + taken);
    }
    const before = this.#got;
    this.#got += taken;
    this.#pageLeft -= taken;
    if (before < 4 && this.#got >= 4) this.#readLength();
    if (before < RECORD_HEADER_BYTES && this.#got >= RECORD_HEADER_BYTES) this.#readHeader();
    if (this.#got >= RECORD_HEADER_BYTES && this.#got === this.#length) {
      this.#endRecord(lsn + BigInt(at + taken));
    }
    return taken;
  }

  #readLength(): void {
    this.#length = this.#kept.readUInt32LE(0);
    if (this.#length < RECORD_HEADER_BYTES || this.#length > LONGEST_RECORD) {
      throw new Error(`${formatLsn(this.#start)}: a record of ${this.#length} bytes`);
    }
  }

  #readHeader(): void {
    const previous = this.#kept.readBigUInt64LE(8);
    if (this.#previous !== undefined && previous !== this.#previous) {
      throw new Error(`${formatLsn(this.#start)}: a record that follows ${formatLsn(previous)}`);
    }
    this.#kind = recordKind(this.#kept[17] ?? 0, this.#kept[16] ?? 0);
  }

  #endRecord(end: bigint): void {
    this.#previous = this.#start;
    this.#got = 0;
    const kind = this.#kind;
    if (kind === 'switch') this.#switched = true;
    if (kind === 'switch' || kind === 'other') return;
    const record = this.#kept.subarray(0, Math.min(this.#length, KEPT_BYTES));
    const padding = BigInt(this.#pageLeft % ALIGNMENT);
    this.#found({ kind, record, end: end + padding, major: this.#major });
  }

  /** The rest of the segment is passed over; the next one begins with a page of its own. */
  #forget(): void {
    this.#pageLeft = 0;
    this.#headerGot = 0;
    this.#skip = 0;
  }
}
