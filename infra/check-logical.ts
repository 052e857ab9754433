import { contradictions, DUMP_FORMATS, Patterns } from '../contract/logical-options.ts';
import type { Problems } from './environment-problems.ts';
import { LISTS } from './logical-environment.ts';
import type { ResolvedCluster } from './resolved-environment.ts';

const SWITCHES = ['schemaOnly', 'largeObjects', 'rolePasswords'] as const;

/** Checks a cluster's `logical`; `where` is the cluster's place in the file, such as `clusters[0]`. */
export function checkLogical(where: string, cluster: ResolvedCluster, problems: Problems): void {
  const { logical, compression } = cluster;
  const owner = `${where}.logical`;
  const before = problems.found.length;
  problems.requireKnown(owner, logical, [...LISTS, ...SWITCHES, 'format', 'lockWaitSeconds']);
  problems.requireOneOf(`${owner}.format`, logical.format, DUMP_FORMATS);
  for (const name of LISTS) {
    problems.require(
      Patterns.safeParse(logical[name]).success,
      `${owner}.${name}`,
      logical[name],
      'Give a list of up to 100 names or patterns of 1 to 200 characters, or leave it out.',
    );
  }
  for (const name of SWITCHES) {
    const value: unknown = logical[name];
    problems.require(typeof value === 'boolean', `${owner}.${name}`, value, 'Give true or false.');
  }
  problems.requireInteger(`${owner}.lockWaitSeconds`, logical.lockWaitSeconds, 1, 86_400);
  // Whether values go together can be asked of good ones only.
  if (problems.found.length > before) return;
  for (const { property, fix } of contradictions(logical)) {
    problems.require(false, `${owner}.${property}`, logical[property], fix);
  }
  const plain = logical.format === 'plain' || logical.format === 'dumpall';
  problems.require(
    !plain || !/^lz4/.test(compression),
    `${where}.compression`,
    compression,
    `Give zstd, gzip or none: the format ${logical.format} is not compressed by pg_dump.`,
  );
}
