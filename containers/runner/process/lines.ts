import type { Readable } from 'node:stream';

/** Longest line that is kept, bytes. What is longer is cut: a child may print without end. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * The lines of a stream, split at line feeds and nowhere else: names may hold other characters that
 * some readers take for line ends. Memory is bounded, whatever the stream holds.
 */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let kept: Buffer[] = [];
  let bytes = 0;
  const take = (piece: Buffer): void => {
    if (bytes < MAX_LINE_BYTES) kept.push(piece.subarray(0, MAX_LINE_BYTES - bytes));
    bytes += piece.length;
  };
  const line = (): string => {
    const text = Buffer.concat(kept).toString('utf8');
    kept = [];
    bytes = 0;
    return text;
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      take(chunk.subarray(start, end));
      yield line();
      start = end + 1;
    }
    take(chunk.subarray(start));
  }
  if (bytes > 0) yield line();
}
