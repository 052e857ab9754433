import { createHash } from 'node:crypto';

/** PostgreSQL's limit on names, which take `a-z`, `0-9` and `_` for slots. */
const LONGEST = 63;
const HASH_DIGITS = 8;

/** A name that stands between two underscores on either side without being mistaken for its neighbour. */
const PLAIN = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/**
 * The replication slot that holds a cluster's WAL for its streamer, on each of its servers; also the
 * `application_name` of the streamer's connection, which `synchronous_standby_names` may name. No two
 * clusters share one: hyphens become single underscores, and two of them stand between the names. Where
 * that would not tell them apart, or is too long, a hash does; one with a hash has two underscores twice.
 */
export function walSlotName(environment: string, cluster: string): string {
  const name = `holdfast_${environment}__${cluster}`.replaceAll('-', '_');
  const plain = [environment, cluster].every((part) => PLAIN.test(part));
  if (plain && name.length <= LONGEST) return name;
  const hash = createHash('sha256').update(`${environment} ${cluster}`).digest('hex');
  return `${name.slice(0, LONGEST - HASH_DIGITS - 2)}__${hash.slice(0, HASH_DIGITS)}`;
}
