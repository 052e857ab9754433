/**
 * What travels within a stream of WAL.
 *
 * @see https://www.postgresql.org/docs/current/protocol-replication.html
 */
export type FromServer =
  | {
      readonly is: 'wal';
      /** Where the data begin. */
      readonly start: bigint;
      /** How far the server itself has come. */
      readonly serverEnd: bigint;
      /** When, by the server's clock. Microseconds since 1970. */
      readonly sentAt: bigint;
      readonly data: Buffer;
    }
  | { readonly is: 'keepalive'; readonly serverEnd: bigint; readonly replyRequested: boolean };

const WAL = 'w'.charCodeAt(0);
const KEEPALIVE = 'k'.charCodeAt(0);
const STATUS = 'r'.charCodeAt(0);

/** From 1970 to 2000, which PostgreSQL counts from. Microseconds. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

/** @throws Error for a kind that no server sends. */
export function parseFromServer(message: Buffer): FromServer {
  switch (message[0]) {
    case WAL:
      return {
        is: 'wal',
        start: message.readBigUInt64BE(1),
        serverEnd: message.readBigUInt64BE(9),
        sentAt: message.readBigInt64BE(17) + POSTGRES_EPOCH_US,
        data: message.subarray(25),
      };
    case KEEPALIVE:
      return {
        is: 'keepalive',
        serverEnd: message.readBigUInt64BE(1),
        replyRequested: message[17] === 1,
      };
    default:
      throw new Error(`The server sent a message of the unknown kind ${message[0]} among its WAL.`);
  }
}

/**
 * A status update. What counts as written is what counts as flushed, or a server that waits for
 * `remote_write` would not wait for the vault; nothing is ever applied.
 *
 * @param asks whether the server is to answer at once.
 */
export function buildStatus(flushed: bigint, asks = false, now = Date.now()): Buffer {
  const message = Buffer.alloc(34);
  message[0] = STATUS;
  message.writeBigUInt64BE(flushed, 1);
  message.writeBigUInt64BE(flushed, 9);
  message.writeBigUInt64BE(0n, 17);
  message.writeBigInt64BE(BigInt(now) * 1000n - POSTGRES_EPOCH_US, 25);
  message[33] = asks ? 1 : 0;
  return message;
}
