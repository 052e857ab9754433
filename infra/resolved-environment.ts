import type { LogicalOptions } from '../contract/logical-options.ts';
import type { PhysicalOptions } from '../contract/physical-options.ts';
import type { ClusterEnvironment, Environment, ScheduleEnvironment } from './environment.ts';
import type { ResolvedWal } from './physical-environment.ts';

/** An environment with its defaults filled in, and nothing wrong with it. */
export type ResolvedEnvironment = Required<Omit<Environment, 'clusters' | OptionalInTheEnd>> &
  Pick<Environment, OptionalInTheEnd> & { readonly clusters: readonly ResolvedCluster[] };

type OptionalInTheEnd = 'account' | 'region' | 'bucketName';

export type ResolvedCluster = Required<
  Omit<ClusterEnvironment, 'schedules' | 'logical' | 'physical' | 'wal'>
> & {
  readonly logical: LogicalOptions;
  readonly physical: PhysicalOptions;
  /** Absent: nobody streams its WAL. */
  readonly wal: ResolvedWal | undefined;
  readonly schedules: readonly ResolvedSchedule[];
};

export type ResolvedSchedule = Required<ScheduleEnvironment>;
