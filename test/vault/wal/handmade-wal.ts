import { microsecondsOf } from '../../../contract/microseconds.ts';
import {
  LONG_PAGE_HEADER_BYTES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PageFlag,
  RECORD_HEADER_BYTES,
} from '../../../vault/wal/wal-records.ts';
import { SEGMENT_BYTES, SYSTEM } from './example-wal.ts';

/** Of PostgreSQL 17. */
const MAGIC = 0xd116;
const [RM_XLOG, RM_XACT] = [0, 1];
const [NOOP, COMMIT, RESTORE_POINT] = [0x20, 0x00, 0x70];
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

/**
 * WAL that is written record by record, as a server's pg_waldump takes it: what lies where is known before,
 * and so a record can be laid across the end of a segment.
 */
export class HandmadeWal {
  /** Where its first segment begins. */
  readonly start: bigint;
  readonly #bytes: Buffer;
  readonly #timeline: number;
  #at = 0;
  #previous = 0n;

  /** @param first number of the first segment. */
  constructor(first: number, segments: number, timeline = 1) {
    this.start = BigInt(first) * BigInt(SEGMENT_BYTES);
    this.#bytes = Buffer.alloc(segments * SEGMENT_BYTES);
    this.#timeline = timeline;
  }

  /** Where the next record begins. */
  get end(): bigint {
    this.#align();
    return this.start + BigInt(this.#at);
  }

  /** One segment's bytes, counted from the first. */
  segment(index: number): Buffer {
    return this.#bytes.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES);
  }

  /** @param at ISO 8601, to the microsecond. */
  commit(xid: number, at: Date | string): bigint {
    return this.#record(RM_XACT, COMMIT, xid, stamp(at));
  }

  restorePoint(name: string, at: Date): bigint {
    const data = Buffer.alloc(72);
    stamp(at).copy(data);
    data.write(name, 8);
    return this.#record(RM_XLOG, RESTORE_POINT, 0, data);
  }

  /**
   * Records that say nothing.
   *
   * @param before where they end, from the end of a segment. Bytes: a multiple of 8, within its last page.
   */
  fillUpTo(index: number, before: number): void {
    const until = (index + 1) * SEGMENT_BYTES - before;
    for (;;) {
      this.#align();
      // Within the page, so that no header comes in between.
      const total = Math.min(until - this.#at, PAGE_BYTES - (this.#at % PAGE_BYTES));
      if (total === 0) return;
      this.#record(RM_XLOG, NOOP, 0, Buffer.alloc(total - RECORD_HEADER_BYTES - 5), true);
    }
  }

  #record(manager: number, info: number, xid: number, data: Buffer, long = false): bigint {
    this.#align();
    const begin = this.start + BigInt(this.#at);
    const head = Buffer.alloc(long ? 5 : 2);
    head[0] = long ? 254 : 255;
    if (long) head.writeUInt32LE(data.length, 1);
    else head[1] = data.length;
    const record = Buffer.concat([Buffer.alloc(RECORD_HEADER_BYTES), head, data]);
    record.writeUInt32LE(record.length, 0);
    record.writeUInt32LE(xid, 4);
    record.writeBigUInt64LE(this.#previous, 8);
    record[16] = info;
    record[17] = manager;
    const crc = crc32c(record.subarray(RECORD_HEADER_BYTES), record.subarray(0, 20));
    record.writeUInt32LE(crc, 20);
    for (let done = 0; done < record.length; ) {
      if (this.#at % PAGE_BYTES === 0) this.#beginPage(record.length - done);
      const room = PAGE_BYTES - (this.#at % PAGE_BYTES);
      const copied = record.copy(this.#bytes, this.#at, done, done + room);
      this.#at += copied;
      done += copied;
    }
    this.#previous = begin;
    return begin;
  }

  /** Records begin at multiples of 8, behind a page's header. */
  #align(): void {
    this.#at = Math.ceil(this.#at / 8) * 8;
    const ends = this.#at === this.#bytes.length;
    if (this.#at % PAGE_BYTES === 0 && !ends) this.#beginPage(0);
  }

  /** @param rest of the record that goes on in it. Bytes. */
  #beginPage(rest: number): void {
    const [at, page] = [this.#at, this.#bytes];
    const isFirst = at % SEGMENT_BYTES === 0;
    const continued = rest > 0 ? PageFlag.Continued : 0;
    page.writeUInt16LE(MAGIC, at);
    page.writeUInt16LE(continued | (isFirst ? PageFlag.Long : 0), at + 2);
    page.writeUInt32LE(this.#timeline, at + 4);
    page.writeBigUInt64LE(this.start + BigInt(at), at + 8);
    page.writeUInt32LE(rest, at + 16);
    this.#at += isFirst ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES;
    if (!isFirst) return;
    page.writeBigUInt64LE(BigInt(SYSTEM), at + 24);
    page.writeUInt32LE(SEGMENT_BYTES, at + 32);
    page.writeUInt32LE(PAGE_BYTES, at + 36);
  }
}

function stamp(at: Date | string): Buffer {
  const bytes = Buffer.alloc(8);
  const instant = typeof at === 'string' ? at : at.toISOString();
  bytes.writeBigInt64LE(microsecondsOf(instant) - POSTGRES_EPOCH_US);
  return bytes;
}

/** Castagnoli's, which PostgreSQL has in its records. */
function crc32c(...parts: readonly Buffer[]): number {
  let crc = 0xffff_ffff;
  for (const part of parts) {
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f6_3b78);
    }
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
