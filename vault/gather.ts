import type { Readable } from 'node:stream';

/** Bytes handed on at a time. */
const PIECE_BYTES = 256 * 1024;

/**
 * The bytes of a body in larger pieces. TLS brings them 16 KiB at a time, and it costs more to hand each
 * of these on through several readers than to decrypt it. When the body breaks, what had arrived is handed
 * on first. A piece is gone once the next is asked for: who keeps one finds it empty, not overwritten.
 *
 * @param expected bytes: what is small takes little memory.
 * @throws what the body failed with, or that it broke off.
 */
export async function* gather(body: Readable, expected: number): AsyncGenerator<Buffer> {
  const whole: Buffer<ArrayBuffer>[] = [];
  let piece: Buffer<ArrayBuffer> | undefined;
  let filled = 0;
  let left = expected;
  let over: { readonly failure?: Error } | undefined;
  let wake: () => void = () => {};
  const end = (failure?: Error): void => {
    over ??= failure === undefined ? {} : { failure };
    wake();
  };
  body.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; ) {
      piece ??= Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, Math.max(left, chunk.length - at)));
      const copied = chunk.copy(piece, filled, at);
      at += copied;
      filled += copied;
      left -= copied;
      if (filled === piece.length) {
        whole.push(piece);
        piece = undefined;
        filled = 0;
      }
    }
    if (whole.length === 0) return;
    body.pause();
    wake();
  });
  body.on('end', end);
  body.on('error', end);
  // A connection that is reset between two chunks may say nothing else.
  const closed = (): void => end(body.errored ?? new Error('The connection was closed.'));
  body.on('close', closed);
  // One that was reset before anybody listened has said it already.
  if (body.destroyed) closed();
  for (;;) {
    const next = whole.shift();
    if (next !== undefined) {
      if (whole.length === 0) body.resume();
      yield next;
      next.buffer.transfer(0);
    } else if (over === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    } else break;
  }
  if (piece !== undefined && filled > 0) yield piece.subarray(0, filled);
  if (over.failure !== undefined) throw over.failure;
}
