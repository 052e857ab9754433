import type { LogicalOptions } from '../contract/logical-options.ts';
import type { PhysicalOptions, WalOptions } from '../contract/physical-options.ts';
import type { ClusterEnvironment, Environment, ScheduleEnvironment } from './environment.ts';

/** An environment with its defaults filled in, and nothing wrong with it. */
export type ResolvedEnvironment = Required<Omit<Environment, 'clusters' | OptionalInTheEnd>> &
  Pick<Environment, OptionalInTheEnd> & { readonly clusters: readonly ResolvedCluster[] };

type OptionalInTheEnd = 'account' | 'region' | 'bucketName';

export type ResolvedCluster = Required<
  Omit<ClusterEnvironment, 'schedules' | 'logical' | 'physical' | 'wal'>
> & {
  readonly logical: LogicalOptions;
  readonly physical: PhysicalOptions;
  readonly wal: WalOptions | undefined;
  readonly schedules: readonly ResolvedSchedule[];
};

export type ResolvedSchedule = Required<ScheduleEnvironment>;
