import { createHash } from 'node:crypto';

/** PostgreSQL cuts longer names off, silently: two of them may then be one. Bytes. */
const MAX_NAME_BYTES = 63;

/**
 * Name of the database that is built before it takes the final name. It depends on the final name
 * alone, so that the next run finds, and drops, what a killed one left behind.
 */
export function temporaryName(finalName: string): string {
  return `holdfast_restore_${hash(finalName, 16)}`;
}

/** Name under which the replaced database is kept: `orders_before_20261120t030000z`. */
export function asideName(name: string, now: Date): string {
  const suffix = `_before_${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}z`;
  if (Buffer.byteLength(name + suffix) <= MAX_NAME_BYTES) return name + suffix;
  const mark = `_${hash(name, 8)}`;
  let short = '';
  for (const character of name) {
    if (Buffer.byteLength(short + character + mark + suffix) > MAX_NAME_BYTES) break;
    short += character;
  }
  return short + mark + suffix;
}

export function isTooLong(name: string): boolean {
  return Buffer.byteLength(name) > MAX_NAME_BYTES;
}

function hash(text: string, digits: number): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, digits);
}
