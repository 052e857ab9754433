/**
 * A decompressor: bytes go in, others come out, and all that has come out has been looked at before more
 * goes in. Its memory is that of a chunk or two.
 */
export interface Inflate {
  /** Settles once nobody looks at the bytes any more. @throws what the stream, or `into`, failed with */
  take(bytes: Buffer): Promise<void>;
  /** @throws what the stream, or `into`, failed with: when it is cut off, above all */
  end(): Promise<void>;
}

/** Looks at a piece, which is overwritten, or freed, afterwards. What it throws ends the decompressor. */
export type Into = (piece: Buffer) => void;
