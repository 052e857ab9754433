import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import type { ArtifactReader } from '../../../vault/fetch-artifact.ts';
import type { Primary } from './primary.ts';
import type { RecoveryGoal } from './recovery-target.ts';

/** How far a physical restore is. */
export interface PhysicalProgress {
  readonly stage: 'fetch' | 'members' | 'combine' | 'verify' | 'recover';
  readonly done: number;
  readonly total: number;
  readonly unit: 'bytes' | 'backups';
}

/** What and where to restore. */
export interface PhysicalRestoreRequest {
  readonly reader: ArtifactReader;
  /** The backup and, before it, those that it rests on: the full one first. */
  readonly members: readonly PhysicalManifest[];
  /** Empty, or to be made. Absolute. */
  readonly directory: string;
  /** Places of tablespaces on the source, and where they go instead. */
  readonly tablespaces: ReadonlyMap<string, string>;
  /** Directory for the members of a chain until they are combined. */
  readonly staging: string;
  readonly goal: RecoveryGoal;
  /** Instead of a target: the server that a new standby follows. */
  readonly primary?: Primary | undefined;
  /** Where the WAL that leads on from the backup ends: recovery to `latest` has to get there. */
  readonly until: bigint;
  /** Names of the whole segments that the server will ask for, in order: they are fetched ahead. */
  readonly segments: readonly string[];
  /** Of the plan; the result has them, too. */
  readonly warnings: readonly string[];
  /** Of the server on 127.0.0.1. */
  readonly port: number;
  readonly pgBin: string | undefined;
  /** How this program is called again as `restore_command`: a program and its first arguments. */
  readonly walFetch: readonly string[];
  /** What that program needs of its environment, and the server with it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal | undefined;
  readonly onProgress?: (progress: PhysicalProgress) => void;
  /** Called when the server is where it should be and is left running: resolves when it is to be stopped. */
  readonly whileRunning?: (result: PhysicalRestoreResult) => Promise<void>;
}

export interface PhysicalRestoreResult {
  readonly directory: string;
  readonly label: string;
  /** What was combined, the full one first; the label alone where it is a full one. */
  readonly members: readonly string[];
  readonly tablespaces: readonly { readonly name: string; readonly path: string }[];
  /**
   * `promoted` writes on a timeline of its own, `paused` waits for a word, `stopped` has shut down,
   * `standby` has begun to stream, and is no longer quarantined.
   */
  readonly state: 'promoted' | 'paused' | 'stopped' | 'standby';
  /** That it writes on, would, or follows. */
  readonly timeline: number;
  /** Where the last record that was replayed begins; `null`: none was, or, unless promoted, not known. */
  readonly redoneLsn: string | null;
  /** When the last transaction that it holds was committed, by the server's log; `null`: the same. */
  readonly lastCommit: string | null;
  /** What recovery stopped at, by the server's log. */
  readonly stoppedAt: string | null;
  readonly port: number;
  /** Directory of its socket, which only its owner may use; empty: it has none. */
  readonly socketDirectory: string;
  readonly logFile: string;
  /** Directory of the server programs that it was restored with. */
  readonly programs: string;
  readonly warnings: readonly string[];
  readonly seconds: {
    readonly fetch: number;
    readonly combine: number;
    readonly verify: number;
    readonly recover: number;
    readonly total: number;
  };
}
