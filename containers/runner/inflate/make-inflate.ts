import { createGunzip, createZstdDecompress } from 'node:zlib';
import { DirectInflate, handleOf } from './direct-inflate.ts';
import type { Inflate, Into } from './inflate.ts';
import { QueuedInflate } from './queued-inflate.ts';

/**
 * zstd, in the very thread that asks for it where that can be: so it belongs into one of its own.
 *
 * @param chunkBytes what it hands on at a time.
 */
export function inflateZstd(chunkBytes: number, into: Into): Inflate {
  const stream = createZstdDecompress({ chunkSize: chunkBytes });
  const handle = handleOf(stream);
  if (handle === undefined) return new QueuedInflate(stream, chunkBytes, into);
  return new DirectInflate(stream, handle, chunkBytes, into);
}

/** @param chunkBytes what it hands on at a time. */
export function inflateGzip(chunkBytes: number, into: Into): Inflate {
  return new QueuedInflate(createGunzip({ chunkSize: chunkBytes }), chunkBytes, into);
}
