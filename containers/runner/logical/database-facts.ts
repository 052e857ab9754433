import type { DatabaseEntry } from '../../../contract/logical-manifest.ts';
import type { PendingStream } from '../../../vault/stream-upload.ts';
import type { SourceDatabase } from '../source/databases.ts';
import type { Snapshot } from '../source/snapshot.ts';

/** What the manifest says of a database in every format. */
export type DatabaseFacts = Pick<
  DatabaseEntry,
  | 'name'
  | 'oid'
  | 'sizeBytes'
  | 'owner'
  | 'encoding'
  | 'collate'
  | 'ctype'
  | 'localeProvider'
  | 'locale'
  | 'collationVersion'
  | 'snapshotAt'
  | 'snapshotLsn'
  | 'dataAsOf'
  | 'compression'
  | 'extensions'
>;

export function databaseFacts(
  database: SourceDatabase,
  snapshot: Snapshot,
  compression: string,
): DatabaseFacts {
  return {
    ...database,
    snapshotAt: snapshot.takenAt.toISOString(),
    snapshotLsn: snapshot.survey.lsn,
    dataAsOf: lagBehind(snapshot.takenAt, snapshot.survey.replayLagSeconds),
    compression,
    extensions: [...snapshot.extensions],
  };
}

/** How old the newest commit that is seen at `time` may be; `null` when the lag is unknown. */
export function lagBehind(time: Date, lagSeconds: number | undefined): string | null {
  return lagSeconds === undefined
    ? null
    : new Date(time.getTime() - lagSeconds * 1000).toISOString();
}

/** A stream as the manifest lists it. */
export function streamEntry(stream: PendingStream): { artifacts: string[]; bytes: number } {
  return { artifacts: stream.artifacts.map(({ name }) => name), bytes: stream.bytes };
}
