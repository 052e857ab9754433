import { createHash } from 'node:crypto';

/** PostgreSQL's limit on names, which take `a-z`, `0-9` and `_` for slots. */
const LONGEST = 63;
const HASH_DIGITS = 8;

/**
 * The replication slot that holds a cluster's WAL for its streamer, on each of its servers; also the
 * `application_name` of the streamer's connection, which `synchronous_standby_names` may name.
 */
export function walSlotName(environment: string, cluster: string): string {
  const name = `holdfast_${environment}_${cluster}`.replaceAll('-', '_');
  if (name.length <= LONGEST) return name;
  const hash = createHash('sha256').update(`${environment} ${cluster}`).digest('hex');
  return `${name.slice(0, LONGEST - HASH_DIGITS - 1)}_${hash.slice(0, HASH_DIGITS)}`;
}
