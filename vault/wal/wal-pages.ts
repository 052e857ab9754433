import { formatLsn, segmentStart } from '../../contract/wal-segments.ts';

/** `XLOG_BLCKSZ` of every build that is shipped, bytes. */
export const PAGE_BYTES = 8192;
/** `xlp_magic`, `xlp_info`, `xlp_tli`, `xlp_pageaddr`. */
const HEAD_BYTES = 16;
/** And of a segment's first page `xlp_rem_len`, padding, `xlp_sysid`, `xlp_seg_size`. */
export const LONG_HEAD_BYTES = 36;
const LONG_HEADER = 0x0002;

/** Where the pages that come are said to belong. */
export interface PagesOf {
  readonly timeline: number;
  /** Of the segment; where it starts depends on how long segments are, which its first page says. */
  readonly segment: string;
  readonly systemIdentifier: string;
  /** What to throw where they do not belong there. */
  readonly wrong: (found: string) => Error;
}

/**
 * Looks at the headers of a segment's pages as they pass by: each names its address and its timeline,
 * and the first one the server and the length of segments. Pages after a switch of segments are zeros.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/access/xlog_internal.h
 */
export class PageCheck {
  readonly #of: PagesOf;
  readonly #head = Buffer.alloc(LONG_HEAD_BYTES);
  #headed = 0;
  #at = 0;
  #segmentBytes: number | undefined;
  #blank = false;
  #timeline = 0;

  constructor(of: PagesOf) {
    this.#of = of;
  }

  /** What the first page says; `undefined` before it has passed. */
  get segmentBytes(): number | undefined {
    return this.#segmentBytes;
  }

  /** @throws what `wrong` makes */
  update(piece: Buffer): void {
    for (let done = 0; done < piece.length; ) {
      const within = this.#at % PAGE_BYTES;
      const wanted = this.#at < PAGE_BYTES ? LONG_HEAD_BYTES : HEAD_BYTES;
      if (within < wanted) {
        const took = piece.copy(this.#head, within, done, done + wanted - within);
        this.#headed = within + took;
        this.#at += took;
        done += took;
        if (this.#headed === wanted) this.#check(this.#at - wanted);
      } else {
        const skipped = Math.min(PAGE_BYTES - within, piece.length - done);
        this.#at += skipped;
        done += skipped;
      }
    }
  }

  #check(offset: number): void {
    const head = this.#head;
    if (offset > 0 && head.subarray(0, HEAD_BYTES).every((byte) => byte === 0)) {
      this.#blank = true;
      return;
    }
    if (offset === 0) this.#readLongHead();
    const timeline = head.readUInt32LE(4);
    const address = head.readBigUInt64LE(8);
    const expected = this.#start() + BigInt(offset);
    if (address !== expected || this.#blank) {
      throw this.#of.wrong(`the page at ${formatLsn(expected)} is that of ${formatLsn(address)}`);
    }
    // A segment in which a timeline was left begins with the pages of the one before.
    if (timeline < this.#timeline || timeline > this.#of.timeline) {
      throw this.#of.wrong(`the page at ${formatLsn(expected)} is of timeline ${timeline}`);
    }
    this.#timeline = timeline;
  }

  #readLongHead(): void {
    const head = this.#head;
    const segmentBytes = segmentBytesIn(head);
    if (segmentBytes === undefined) throw this.#of.wrong('it does not begin as a segment does');
    const system = head.readBigUInt64LE(24).toString();
    if (system !== this.#of.systemIdentifier) {
      throw this.#of.wrong(`its pages are of system ${system}, not ${this.#of.systemIdentifier}`);
    }
    this.#segmentBytes = segmentBytes;
  }

  #start(): bigint {
    const { segment } = this.#of;
    const bytes = this.#segmentBytes ?? 0;
    const half = Number.parseInt(segment.slice(8, 16), 16);
    const within = Number.parseInt(segment.slice(16), 16);
    return (BigInt(half) << 32n) + segmentStart(within, bytes);
  }
}

/** What a segment's first page says of the length of segments; `undefined`: it is no such page. */
export function segmentBytesIn(head: Buffer): number | undefined {
  if (head.length < LONG_HEAD_BYTES || (head.readUInt16LE(2) & LONG_HEADER) === 0) return undefined;
  const bytes = head.readUInt32LE(32);
  return bytes >= 2 ** 20 && bytes <= 2 ** 30 && (bytes & (bytes - 1)) === 0 ? bytes : undefined;
}
