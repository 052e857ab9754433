/** zlib's own, which `gzip` without a level means. */
const GZIP_DEFAULT = 6;

/**
 * `pg_dump --compress` for a method and level such as `zstd:1`, `gzip:1` or `none`. Before 16 it takes
 * gzip's level as a bare number, 0 for none, and nothing else; later ones understand that too.
 */
export function compressArgument(compression: string): string {
  const [method = '', level] = compression.split(':');
  if (method === 'none') return '--compress=0';
  if (method === 'gzip') return `--compress=${level ?? GZIP_DEFAULT}`;
  return `--compress=${compression}`;
}
