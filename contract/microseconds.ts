const PER_SECOND = 1_000_000n;

/**
 * Microseconds since 1970, as exact as PostgreSQL knows when a transaction ended; a Date has milliseconds.
 *
 * @param instant ISO 8601, with up to six digits behind the second.
 */
export function microsecondsOf(instant: string): bigint {
  const [, digits = ''] = /\.(\d{1,6})/.exec(instant) ?? [];
  const seconds = Date.parse(instant.replace(/\.\d+/, '')) / 1000;
  return BigInt(seconds) * PER_SECOND + BigInt(digits.padEnd(6, '0'));
}

/** ISO 8601, to the microsecond. */
export function instantOf(microseconds: bigint): string {
  const date = new Date(Number(microseconds / PER_SECOND) * 1000);
  const rest = String(microseconds % PER_SECOND).padStart(6, '0');
  return `${date.toISOString().slice(0, -'.000Z'.length)}.${rest}Z`;
}
