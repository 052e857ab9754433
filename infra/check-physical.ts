import {
  BASE_WAL,
  CHECKPOINTS,
  COMPRESS_ON,
  PhysicalOptions,
} from '../contract/physical-options.ts';
import type { ClusterEnvironment } from './environment.ts';
import type { Problems } from './environment-problems.ts';
import { FARGATE_VCPUS, fargateMemorySizesMiB } from './fargate-sizes.ts';
import type { ResolvedCluster } from './resolved-environment.ts';

/** PostgreSQL's first major that takes incremental backups. */
const INCREMENTAL_FROM = 17;

/** Checks a cluster's `physical`, and the types of its schedules. */
export function checkPhysical(where: string, cluster: ResolvedCluster, problems: Problems): void {
  const { physical, wal, postgresMajor, schedules } = cluster;
  const owner = `${where}.physical`;
  problems.requireKnown(owner, physical, Object.keys(PhysicalOptions.shape));
  problems.requireOneOf(`${owner}.checkpoint`, physical.checkpoint, CHECKPOINTS);
  problems.requireOneOf(`${owner}.wal`, physical.wal, BASE_WAL);
  problems.requireOneOf(`${owner}.compressOn`, physical.compressOn, COMPRESS_ON);
  problems.require(
    PhysicalOptions.shape.compression.safeParse(physical.compression).success,
    `${owner}.compression`,
    physical.compression,
    "Give 'zstd', with a level such as 'zstd:1', or 'none'.",
  );
  problems.requireInteger(`${owner}.maxChainLength`, physical.maxChainLength, 1, 100);
  problems.require(
    physical.wal !== 'archive' || wal !== undefined,
    `${owner}.wal`,
    physical.wal,
    "Give wal: {} to the cluster, which streams its WAL, or leave 'archive' out.",
  );
  for (const [index, { kind, type }] of schedules.entries()) {
    const property = `${where}.schedules[${index}].type`;
    const full = type === 'full';
    problems.require(
      full || kind !== 'logical',
      property,
      type,
      'Leave it out: a logical backup is always full.',
    );
    problems.require(
      full || kind !== 'physical' || !(postgresMajor < INCREMENTAL_FROM),
      property,
      type,
      `Give 'full': PostgreSQL takes incremental backups from ${INCREMENTAL_FROM} on.`,
    );
  }
}

/** Checks a cluster's `wal`, where there is one. */
export function checkWal(
  where: string,
  { wal }: ResolvedCluster,
  written: ClusterEnvironment,
  problems: Problems,
): void {
  if (wal === undefined) return;
  const owner = `${where}.wal`;
  const { incrementSeconds, retainedAlarmMiB, retainedDropMiB, vCpu } = wal;
  problems.requireKnown(owner, wal, [
    'incrementSeconds',
    'synchronous',
    'retainedAlarmMiB',
    'retainedDropMiB',
    'acceptUnlimitedRetention',
    'vCpu',
    'memoryMiB',
  ]);
  problems.require(
    typeof incrementSeconds === 'number' && incrementSeconds >= 0.1 && incrementSeconds <= 60,
    `${owner}.incrementSeconds`,
    incrementSeconds,
    'Give a number from 0.1 to 60.',
  );
  problems.requireInteger(`${owner}.retainedAlarmMiB`, retainedAlarmMiB, 1, 100_000_000);
  problems.requireInteger(`${owner}.retainedDropMiB`, retainedDropMiB, 0, 100_000_000);
  problems.require(
    !(retainedDropMiB > 0 && retainedDropMiB <= retainedAlarmMiB),
    `${owner}.retainedDropMiB`,
    retainedDropMiB,
    `Give more than retainedAlarmMiB, ${retainedAlarmMiB}, so that somebody hears of it before, or 0 for never.`,
  );
  problems.requireOneOf(`${owner}.vCpu`, vCpu, FARGATE_VCPUS);
  const sizes = fargateMemorySizesMiB(vCpu);
  problems.require(
    sizes.length === 0 || sizes.includes(wal.memoryMiB),
    `${owner}.memoryMiB`,
    // The default fits the default of vCpu, and few others.
    written.wal?.memoryMiB,
    `Give one of ${sizes.join(', ')} with vCpu ${vCpu}.`,
  );
  for (const name of ['synchronous', 'acceptUnlimitedRetention'] as const) {
    problems.requireBoolean(`${owner}.${name}`, wal[name]);
  }
}
