import type { MessageMaterials } from './message-writer.ts';

/** Where plain text lies: in a file that is open in this process, or in memory that threads share. */
export type PlainText =
  | { readonly fd: number; readonly offset: number }
  | { readonly memory: SharedArrayBuffer };

/** A stretch of one message, to be encrypted into a part. */
export interface EncryptOrder {
  readonly kind: 'encrypt';
  readonly message: number;
  readonly from: PlainText;
  /** Whole frames of `FRAME_BYTES`; of the last order, one frame of any length up to that. */
  readonly bytes: number;
  readonly last: boolean;
  /** Where in the parts' memory the cipher text goes. */
  readonly into: number;
  /** CRC-32 of what the part holds already, 0 for an empty one. */
  readonly crc32: number;
}

export interface BeginOrder {
  readonly kind: 'begin';
  readonly message: number;
  readonly materials: MessageMaterials;
}

/** Forgets a message that will not be finished. */
export interface DropOrder {
  readonly kind: 'drop';
  readonly message: number;
}

export type EncryptionOrder = BeginOrder | EncryptOrder | DropOrder;

/** What a thread answers to each `encrypt`, in their order. */
export type EncryptionReply =
  | {
      /** Bytes of cipher text that were written. */
      readonly bytes: number;
      /** CRC-32 of the part up to here. */
      readonly crc32: number;
      /** With the last frame: SHA-256 of the whole plain and cipher text, in hexadecimal. */
      readonly digests?: MessageDigests;
    }
  | { readonly failure: string };

export interface MessageDigests {
  readonly plain: string;
  readonly cipher: string;
}
