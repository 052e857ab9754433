/**
 * What is needed of PostgreSQL's WAL on disk. Little-endian, as on every machine that managed services
 * run; the same in 15 to 18.
 *
 * @see https://github.com/postgres/postgres/blob/master/src/include/access/xlogrecord.h
 * @see https://github.com/postgres/postgres/blob/master/src/include/access/xlog_internal.h
 */
export const PAGE_BYTES = 8192;
export const PAGE_HEADER_BYTES = 24;
/** Of a segment's first page. */
export const LONG_PAGE_HEADER_BYTES = 40;
export const RECORD_HEADER_BYTES = 24;

/** The first two bytes of a page, by major version. */
export const PAGE_MAGIC: ReadonlyMap<number, number> = new Map([
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
]);

export const PageFlag = {
  /** The page begins with what is left of a record. */
  Continued: 0x1,
  Long: 0x2,
  /** The record that the page before ended in was never finished. */
  Overwritten: 0x8,
} as const;

const RM_XLOG = 0;
const RM_XACT = 1;
const OPERATION = 0x70;
const XACT_COMMIT = 0x00;
const XACT_ABORT = 0x20;
const XACT_COMMIT_PREPARED = 0x30;
const XACT_ABORT_PREPARED = 0x40;
const XACT_HAS_INFO = 0x80;
const XLOG_SWITCH = 0x40;
const XLOG_RESTORE_POINT = 0x70;

/** Parts of a commit, in their order, with the size of their fixed head and of each item. Bytes. */
const DATABASE = 1 << 0;
const SUBXACTS = 1 << 1;
const RELATIONS = 1 << 2;
const INVALIDATIONS = 1 << 3;
const TWO_PHASE = 1 << 4;
const DROPPED_STATS = 1 << 8;

/** What a record's data begin with. */
const DATA_SHORT = 255;
const DATA_LONG = 254;
const ORIGIN = 253;
const TOP_XID = 252;

const POSTGRES_EPOCH_US = 946_684_800_000_000n;

export type RecordKind = 'transaction' | 'restore point' | 'switch' | 'other';

export function recordKind(rmgr: number, info: number): RecordKind {
  if (rmgr === RM_XLOG) {
    const operation = info & 0xf0;
    if (operation === XLOG_SWITCH) return 'switch';
    return operation === XLOG_RESTORE_POINT ? 'restore point' : 'other';
  }
  if (rmgr !== RM_XACT) return 'other';
  const operation = info & OPERATION;
  return operation === XACT_COMMIT ||
    operation === XACT_ABORT ||
    operation === XACT_COMMIT_PREPARED ||
    operation === XACT_ABORT_PREPARED
    ? 'transaction'
    : 'other';
}

/** The end of a transaction. */
export interface TransactionEnd {
  readonly committed: boolean;
  /** 0: none that the record names within its first bytes. */
  readonly xid: number;
  /** Microseconds since 1970. */
  readonly at: bigint;
}

/** @param record header and as much of the rest as was kept. @throws RangeError if that is too little */
export function readTransactionEnd(record: Buffer, major: number): TransactionEnd {
  const info = record[16] ?? 0;
  const data = record.subarray(dataStart(record));
  const operation = info & OPERATION;
  const prepared = operation === XACT_COMMIT_PREPARED || operation === XACT_ABORT_PREPARED;
  return {
    committed: operation === XACT_COMMIT || operation === XACT_COMMIT_PREPARED,
    xid: prepared ? preparedXid(data, info, major) : record.readUInt32LE(4),
    at: data.readBigInt64LE(0) + POSTGRES_EPOCH_US,
  };
}

/** @returns name and microseconds since 1970. */
export function readRestorePoint(record: Buffer): { name: string; at: bigint } {
  const data = record.subarray(dataStart(record));
  const name = data.subarray(8, 72);
  const end = name.indexOf(0);
  return {
    name: name.subarray(0, end < 0 ? name.length : end).toString('utf8'),
    at: data.readBigInt64LE(0) + POSTGRES_EPOCH_US,
  };
}

/** Of records that change no page: what stands before their data. */
function dataStart(record: Buffer): number {
  let at = RECORD_HEADER_BYTES;
  for (;;) {
    switch (record[at]) {
      case DATA_SHORT:
        return at + 2;
      case DATA_LONG:
        return at + 5;
      case ORIGIN:
        at += 3;
        break;
      case TOP_XID:
        at += 5;
        break;
      default:
        throw new RangeError(`a record of a transaction begins with ${record[at]}`);
    }
  }
}

/** A prepared transaction is ended by another session; its own id stands behind much else. */
function preparedXid(data: Buffer, info: number, major: number): number {
  if ((info & XACT_HAS_INFO) === 0) return 0;
  const has = data.readUInt32LE(8);
  if ((has & TWO_PHASE) === 0) return 0;
  let at = 12;
  if ((has & DATABASE) !== 0) at += 8;
  const skip = (part: number, itemBytes: number): void => {
    if ((has & part) !== 0) at += 4 + data.readInt32LE(at) * itemBytes;
  };
  skip(SUBXACTS, 4);
  skip(RELATIONS, 12);
  skip(DROPPED_STATS, major >= 18 ? 16 : 12);
  skip(INVALIDATIONS, 16);
  return at + 4 <= data.length ? data.readUInt32LE(at) : 0;
}
