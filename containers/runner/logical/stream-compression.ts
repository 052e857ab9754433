import type { Transform } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';

/** What a compressed stream's name ends with, by the option's algorithm. */
const SUFFIXES: Readonly<Record<string, string>> = { none: '', gzip: '.gz', zstd: '.zst' };

/** Suffix of a stream that is compressed like this: `''`, `.gz` or `.zst`. */
export function compressedSuffix(compression: string): string {
  const suffix = SUFFIXES[algorithmOf(compression)];
  if (suffix === undefined) throw new Error(`no plain dump is compressed by ${compression}`);
  return suffix;
}

/**
 * Compresses as the option says, which is written as for `pg_dump --compress`; `undefined`: not at all.
 * `pg_dumpall` cannot compress, and `pg_dump` would hide the end of its plain SQL.
 */
export function createCompressor(compression: string): Transform | undefined {
  const [, digits = '1'] = compression.split(':');
  switch (algorithmOf(compression)) {
    case 'none':
      return undefined;
    case 'gzip':
      return createGzip({ level: Number(digits) });
    case 'zstd':
      return createZstdCompress({
        params: { [constants.ZSTD_c_compressionLevel]: Number(digits) },
      });
    default:
      throw new Error(`no plain dump is compressed by ${compression}`);
  }
}

function algorithmOf(compression: string): string {
  return compression.split(':')[0] ?? '';
}
