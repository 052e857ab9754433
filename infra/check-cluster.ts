import { ClusterOptions, UNKNOWN_LAG } from '../contract/cluster-options.ts';
import { BACKUP_KINDS, BACKUP_TYPES, ClusterName, ScheduleName } from '../contract/names.ts';
import { POSTGRES_MAJORS } from '../contract/postgres-majors.ts';
import type { PlacedCluster } from './check-cluster-list.ts';
import { checkRetention, type LockBounds } from './check-locks.ts';
import { checkLogical } from './check-logical.ts';
import { checkPhysical, checkWal } from './check-physical.ts';
import { ARCHITECTURES, type ClusterEnvironment } from './environment.ts';
import { isWhole, type Problems } from './environment-problems.ts';
import { FARGATE_STORAGE_GIB, FARGATE_VCPUS, fargateMemorySizesMiB } from './fargate-sizes.ts';
import type { ResolvedCluster, ResolvedSchedule } from './resolved-environment.ts';

/** Part of a task's disk that the image and its layers need. MiB. */
const IMAGE_SPACE_MIB = 4096;

/** A schedule's name on AWS is the cluster's and its own: 64 characters at most. */
const SCHEDULE_NAME_CHARACTERS = 64;

export const CLUSTER_PROPERTIES = [
  'name',
  'postgresMajor',
  'secretName',
  'retired',
  'schedules',
  'retention',
  'allowPrimary',
  'maxReplayLagSeconds',
  'unknownLag',
  'pauseReplay',
  'retryPauseSeconds',
  'jobs',
  'compression',
  'maxDurationMinutes',
  'stallMinutes',
  'maxRateMiBPerSecond',
  'logical',
  'physical',
  'wal',
  'vCpu',
  'memoryMiB',
  'ephemeralStorageGiB',
  'spoolCapMiB',
  'architecture',
] as const satisfies readonly (keyof ResolvedCluster)[];

/** Checks one cluster: as it was written, and with its defaults. */
export function checkCluster(
  { where, cluster: written }: PlacedCluster,
  cluster: ResolvedCluster,
  bounds: LockBounds,
  problems: Problems,
): void {
  problems.requireKnown(where, cluster, CLUSTER_PROPERTIES);
  problems.require(
    ClusterName.safeParse(cluster.name).success,
    `${where}.name`,
    cluster.name,
    'Give 1 to 40 characters out of a-z, 0-9 and -.',
  );
  problems.requireOneOf(
    `${where}.postgresMajor`,
    cluster.postgresMajor,
    POSTGRES_MAJORS.map(({ major }) => major),
  );
  problems.requireText(
    `${where}.secretName`,
    cluster.secretName,
    /^[A-Za-z0-9/_+=.@!-]{1,512}$/,
    "Give the secret's name in Secrets Manager, without ARN and without the six characters at its end.",
  );
  problems.requireBoolean(`${where}.retired`, cluster.retired);
  // What is taken over from the environment is named there.
  if (written.retention !== undefined) {
    problems.requireKnown(`${where}.retention`, written.retention, ['days']);
    checkRetention(`${where}.retention.days`, written.retention.days, bounds, problems);
  }
  checkWork(where, cluster, problems);
  checkLogical(where, cluster, problems);
  checkPhysical(where, cluster, problems);
  checkWal(where, cluster, written, problems);
  checkSize(where, cluster, written, problems);
  for (const [index, schedule] of cluster.schedules.entries()) {
    checkSchedule(`${where}.schedules[${index}]`, schedule, cluster.name, problems);
  }
  problems.requireUnique(
    `${where}.schedules[].name`,
    cluster.schedules.map(({ name }) => name),
  );
}

function checkWork(where: string, cluster: ResolvedCluster, problems: Problems): void {
  problems.requireBoolean(`${where}.allowPrimary`, cluster.allowPrimary);
  problems.requireBoolean(`${where}.pauseReplay`, cluster.pauseReplay);
  problems.requireInteger(`${where}.maxReplayLagSeconds`, cluster.maxReplayLagSeconds, 0, 604_800);
  problems.requireOneOf(`${where}.unknownLag`, cluster.unknownLag, UNKNOWN_LAG);
  problems.requireInteger(`${where}.retryPauseSeconds`, cluster.retryPauseSeconds, 1, 3600);
  problems.requireInteger(`${where}.jobs`, cluster.jobs, 1, 64);
  problems.requireInteger(`${where}.maxDurationMinutes`, cluster.maxDurationMinutes, 1, 1440);
  problems.requireInteger(`${where}.stallMinutes`, cluster.stallMinutes, 1, 1440);
  const { maxRateMiBPerSecond } = cluster;
  problems.requireInteger(`${where}.maxRateMiBPerSecond`, maxRateMiBPerSecond, 0, 100_000);
  const supported = POSTGRES_MAJORS.some(({ major }) => major === cluster.postgresMajor);
  problems.require(
    !supported || ClusterOptions.shape.compression.safeParse(cluster.compression).success,
    `${where}.compression`,
    cluster.compression,
    'Give zstd, gzip or lz4, with a level such as zstd:1, or none.',
  );
  problems.require(
    cluster.postgresMajor >= 16 || !/^(zstd|lz4)/.test(cluster.compression),
    `${where}.compression`,
    cluster.compression,
    `pg_dump ${cluster.postgresMajor} knows gzip only: give gzip:1.`,
  );
}

function checkSize(
  where: string,
  cluster: ResolvedCluster,
  written: ClusterEnvironment,
  problems: Problems,
): void {
  problems.requireOneOf(`${where}.vCpu`, cluster.vCpu, FARGATE_VCPUS);
  const sizes = fargateMemorySizesMiB(cluster.vCpu);
  problems.require(
    sizes.length === 0 || sizes.includes(cluster.memoryMiB),
    `${where}.memoryMiB`,
    // The default fits the default of vCpu alone.
    written.memoryMiB,
    `Give one of ${sizes.join(', ')} with vCpu ${cluster.vCpu}.`,
  );
  const { least, most } = FARGATE_STORAGE_GIB;
  problems.requireInteger(`${where}.ephemeralStorageGiB`, cluster.ephemeralStorageGiB, least, most);
  if (isWhole(cluster.ephemeralStorageGiB, least, most)) {
    const mostSpoolMiB = cluster.ephemeralStorageGiB * 1024 - IMAGE_SPACE_MIB;
    const why = ` with ephemeralStorageGiB ${cluster.ephemeralStorageGiB}`;
    problems.requireInteger(`${where}.spoolCapMiB`, cluster.spoolCapMiB, 16, mostSpoolMiB, why);
  }
  problems.requireOneOf(`${where}.architecture`, cluster.architecture, ARCHITECTURES);
}

export const SCHEDULE_PROPERTIES = [
  'name',
  'kind',
  'type',
  'cron',
  'timeZone',
  'flexibleWindowMinutes',
] as const;

function checkSchedule(
  where: string,
  schedule: ResolvedSchedule,
  cluster: string,
  problems: Problems,
): void {
  problems.requireKnown(where, schedule, SCHEDULE_PROPERTIES);
  problems.require(
    ScheduleName.safeParse(schedule.name).success,
    `${where}.name`,
    schedule.name,
    'Give 1 to 40 characters out of a-z, 0-9 and -.',
  );
  problems.require(
    `${cluster}_${schedule.name}`.length <= SCHEDULE_NAME_CHARACTERS,
    `${where}.name`,
    schedule.name,
    `Shorten it: with the cluster's name it may have ${SCHEDULE_NAME_CHARACTERS - 1} characters.`,
  );
  problems.requireOneOf(`${where}.kind`, schedule.kind, BACKUP_KINDS);
  problems.requireOneOf(`${where}.type`, schedule.type, BACKUP_TYPES);
  problems.requireText(
    `${where}.cron`,
    schedule.cron,
    /^([0-9A-Za-z*,/#-]+ ){2}[0-9A-Z*?,/L-]+ [0-9A-Z*,/-]+ [0-9A-Z*?,/#L-]+ [0-9*,/-]+$/,
    'Give six fields, minute hour day month weekday year, with ? for day or weekday: 0 3 * * ? *',
  );
  problems.require(
    isTimeZone(schedule.timeZone),
    `${where}.timeZone`,
    schedule.timeZone,
    'Give an IANA time zone, such as Europe/Vienna or UTC.',
  );
  problems.requireInteger(
    `${where}.flexibleWindowMinutes`,
    schedule.flexibleWindowMinutes,
    0,
    1440,
  );
}

function isTimeZone(name: unknown): boolean {
  try {
    return typeof name === 'string' && new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}
