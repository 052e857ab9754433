import type { ArtifactStream } from '../../../contract/artifacts.ts';
import {
  type DatabaseEntry,
  type LogicalManifest,
  streamsOf,
} from '../../../contract/logical-manifest.ts';
import type { ReportProgress } from './restore-progress.ts';
import { isStreamed } from './stage-dump.ts';

/** Called with the size of each piece that arrived, cipher text, bytes. */
export interface FetchProgress {
  /** Of what is put on the disk. */
  readonly onStaged: (bytes: number) => void;
  /** Of what is loaded as it comes. */
  readonly onStreamed: (bytes: number) => void;
}

/** Tells how much of a database's dump has arrived: before loading, and while it is loaded. */
export function fetchProgress(
  manifest: LogicalManifest,
  entry: DatabaseEntry,
  report: ReportProgress | undefined,
): FetchProgress {
  function counter(
    stage: 'fetch' | 'restore',
    streams: readonly ArtifactStream[],
  ): (bytes: number) => void {
    const total = cipherBytes(manifest, streams);
    let done = 0;
    return (bytes) => {
      done += bytes;
      report?.({ stage, done, total, unit: 'bytes' });
    };
  }
  return {
    onStaged: counter('fetch', streamsOf(entry).filter(liesOnDisk)),
    onStreamed: counter(
      'restore',
      streamsOf(entry).filter((stream) => !liesOnDisk(stream)),
    ),
  };
}

/** What a dump takes on the disk while it is restored, bytes. */
export function stagedBytes(entry: DatabaseEntry): number {
  return plainBytes(streamsOf(entry).filter(liesOnDisk));
}

/** What a dump is, as `pg_dump` wrote it, bytes. */
export function dumpBytes(entry: DatabaseEntry): number {
  return plainBytes(streamsOf(entry));
}

function liesOnDisk(stream: ArtifactStream): boolean {
  return !('name' in stream && isStreamed(stream as { name: string }));
}

function plainBytes(streams: readonly ArtifactStream[]): number {
  return streams.reduce((sum, { bytes }) => sum + bytes, 0);
}

function cipherBytes(manifest: LogicalManifest, streams: readonly ArtifactStream[]): number {
  const names = new Set(streams.flatMap((stream) => stream.artifacts));
  return manifest.artifacts
    .filter((artifact) => names.has(artifact.name))
    .reduce((sum, artifact) => sum + artifact.cipher.bytes, 0);
}
