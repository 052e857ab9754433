import { clusterPrefix } from './vault-keys.ts';

/**
 * Where WAL lies in the vault:
 *
 * - `wal/<timeline>/<segment>`: a whole segment;
 * - `wal/<timeline>/<segment>.partial`: what a timeline that was left had of its last segment;
 * - `wal/<timeline>/<segment>.<offset>.backup`: what a server that pushes its WAL notes of a base backup;
 *   nothing reads it;
 * - `wal/<timeline>/<timeline>.history`: where the timeline comes from;
 * - `wal/<timeline>/increments/<segment>/<from>-<to>`: bytes of a segment that is still being written.
 */
export function walPrefix(cluster: string): string {
  return `${clusterPrefix(cluster)}wal/`;
}

/** @param timeline from 1. */
export function walTimelinePrefix(cluster: string, timeline: number): string {
  return `${walPrefix(cluster)}${hex8(timeline)}/`;
}

/** @param file a segment, with `.partial` or without, or a timeline's history, as PostgreSQL names it. */
export function walFileKey(cluster: string, file: string): string {
  return `${walPrefix(cluster)}${file.slice(0, 8)}/${file}`;
}

/** Prefix of all increments of a timeline, or of one of its segments. */
export function walIncrementsPrefix(cluster: string, timeline: number, segment = ''): string {
  const prefix = `${walTimelinePrefix(cluster, timeline)}increments/`;
  return segment === '' ? prefix : `${prefix}${segment}/`;
}

/** IAM's pattern of a cluster's increments, on whatever timeline. @param cluster `*`: of all clusters */
export function walIncrementsPattern(cluster: string): string {
  return `${walPrefix(cluster)}${'?'.repeat(8)}/increments/*`;
}

/** @param from first byte within the segment, and `to` the one after the last. */
export function walIncrementKey(
  cluster: string,
  segment: string,
  from: number,
  to: number,
): string {
  const timeline = Number.parseInt(segment.slice(0, 8), 16);
  return `${walIncrementsPrefix(cluster, timeline, segment)}${hex8(from)}-${hex8(to)}`;
}

export type WalKey = { readonly cluster: string; readonly timeline: number } & (
  | { readonly is: 'segment' | 'partial' | 'backup'; readonly segment: string }
  | { readonly is: 'history' }
  | {
      readonly is: 'increment';
      readonly segment: string;
      /** Bytes within the segment; `to` is the one after the last. */
      readonly from: number;
      readonly to: number;
    }
);

const KEY =
  /^clusters\/([a-z0-9-]{1,40})\/wal\/([0-9A-F]{8})\/(?:(\2[0-9A-F]{16})(\.partial|\.[0-9A-F]{8}\.backup)?|(\2)\.history|increments\/(\2[0-9A-F]{16})\/([0-9A-F]{8})-([0-9A-F]{8}))$/;

/** Takes a key apart; `undefined` if it is none of WAL. */
export function parseWalKey(key: string): WalKey | undefined {
  const match = KEY.exec(key);
  if (match === null) return undefined;
  const [, cluster, hex, segment, kind, history, open, from, to] = match;
  if (cluster === undefined || hex === undefined) return undefined;
  const at = { cluster, timeline: Number.parseInt(hex, 16) };
  if (segment !== undefined) {
    if (kind === undefined) return { ...at, is: 'segment', segment };
    return { ...at, is: kind === '.partial' ? 'partial' : 'backup', segment };
  }
  if (history !== undefined) return { ...at, is: 'history' };
  if (open === undefined || from === undefined || to === undefined) return undefined;
  const range = { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) };
  return { ...at, is: 'increment', segment: open, ...range };
}

function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
