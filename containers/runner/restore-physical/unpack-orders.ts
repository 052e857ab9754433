import type { ErrorCode } from '../../../contract/error-codes.ts';

/** Where the thread unpacks to. */
export interface UnpackPlace {
  readonly directory: string;
  /** Files that are not written. */
  readonly leftOut: readonly string[];
}

/** What the thread is told, one thing after the other. */
export type UnpackOrder =
  /** The next bytes of the tar, compressed or not. */
  { readonly kind: 'take'; readonly bytes: Uint8Array } | { readonly kind: 'end' };

/** What the thread answers to each order. */
export type UnpackReply =
  /** Files that it has made until now. */
  | { readonly files: number }
  | {
      readonly failure: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly hint: string;
      };
    };
