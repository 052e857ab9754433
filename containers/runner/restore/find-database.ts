import { HoldfastError } from '../../../contract/errors.ts';
import type { DatabaseEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import { refused } from './preflight.ts';

/**
 * Finds what the backup holds of a database.
 *
 * @throws HoldfastError DATABASE_UNKNOWN; RESTORE_REFUSED when it can only be restored by hand
 */
export function findDatabase(manifest: LogicalManifest, name: string): DatabaseEntry {
  const entry = manifest.databases.find((one) => one.name === name);
  if (entry !== undefined) return entry;
  const { dumpAll } = manifest;
  const names = [...manifest.databases, ...(dumpAll?.databases ?? [])].map((one) => one.name);
  if (dumpAll === null || !names.includes(name)) {
    throw new HoldfastError('DATABASE_UNKNOWN', `The backup holds no database "${name}".`, {
      hint: `It holds: ${names.join(', ')}`,
    });
  }
  throw onlyByHand(dumpAll, `"${name}" cannot be restored out of it alone`);
}

/** What is said of a backup by `pg_dumpall`. */
export function onlyByHand(
  dumpAll: NonNullable<LogicalManifest['dumpAll']>,
  what: string,
): HoldfastError {
  return refused(
    `The backup is one plain SQL of the whole cluster, made by pg_dumpall: ${what}.`,
    `Restore all of it by hand into an empty server: fetch and decrypt ${dumpAll.artifacts.join(', ')} as docs/FORMAT.md shows under "Restore with stock tools alone", join them in this order, and run ${decompress(dumpAll.compression)}psql --no-psqlrc --dbname=postgres. CREATE ROLE and CREATE DATABASE fail for what exists.`,
  );
}

function decompress(compression: string): string {
  if (compression.startsWith('zstd')) return 'zstd -dc dumpall.sql.zst | ';
  if (compression.startsWith('gzip')) return 'gunzip -c dumpall.sql.gz | ';
  return 'cat dumpall.sql | ';
}
