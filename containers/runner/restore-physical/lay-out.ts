import { mkdir } from 'node:fs/promises';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import type { ArtifactReader } from '../../../vault/fetch-artifact.ts';
import { fetchMembers } from './fetch-member.ts';
import type { PhysicalProgress } from './physical-restore-request.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerPrograms } from './server-programs.ts';
import { linkTablespaces, TABLESPACE_MAP, type TablespacePlace } from './tablespace-places.ts';

export interface LayOut {
  readonly programs: ServerPrograms;
  readonly reader: ArtifactReader;
  /** Empty, and ours. */
  readonly directory: string;
  readonly places: readonly TablespacePlace[];
  readonly signal: AbortSignal | undefined;
  readonly report: ((progress: PhysicalProgress) => void) | undefined;
  /** Called with the size of each piece that arrived, cipher text, bytes. */
  readonly onFetched: (bytes: number) => void;
}

const VERIFY_HINT =
  'What was fetched has been removed: it is not what PostgreSQL had backed up. Use another backup, and report this one.';

/**
 * Fetches a full base backup, and has PostgreSQL compare it with what it backed
 * up.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE, RESTORE_FAILED
 */
export async function layOutFull(work: LayOut, manifest: PhysicalManifest): Promise<LayOutSeconds> {
  const { directory, places } = work;
  const { seconds, timed } = layOutSeconds();
  await timed('fetch', () => fetchInto(work, [{ manifest, directory, places, wal: true }]));
  await linkTablespaces(directory, places);
  await timed('verify', () => verify(work, directory, manifest.walTar !== null));
  return seconds;
}

/** How long the steps took, seconds. */
export interface LayOutSeconds {
  fetch: number;
  combine: number;
  verify: number;
}

export function layOutSeconds(): {
  readonly seconds: LayOutSeconds;
  /** Adds what a piece of work takes to a step. */
  timed(step: keyof LayOutSeconds, work: () => Promise<void>): Promise<void>;
} {
  const seconds = { fetch: 0, combine: 0, verify: 0 };
  return {
    seconds,
    timed: async (step, work) => {
      const began = Date.now();
      await work();
      seconds[step] += (Date.now() - began) / 1000;
    },
  };
}

export interface FetchedMember {
  readonly manifest: PhysicalManifest;
  /** Empty. */
  readonly directory: string;
  readonly places: readonly Pick<TablespacePlace, 'oid' | 'path'>[];
  /** Whether with its WAL. */
  readonly wal: boolean;
}

/** Fetches members of a chain, and has their bytes counted. */
export async function fetchInto(
  { reader, signal, onFetched }: LayOut,
  members: readonly FetchedMember[],
): Promise<void> {
  for (const { path } of members.flatMap(({ places }) => places)) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
  const placed = members.map(({ places, ...member }) => ({
    ...member,
    tablespaces: new Map(places.map(({ oid, path }) => [oid, path])),
  }));
  await fetchMembers({ ...reader, signal, onFetched }, placed);
}

/** Which of how many backups is verified: members of a chain, or what comes of them. */
interface VerifyStage {
  readonly stage: 'verify' | 'members';
  readonly at: number;
  readonly of: number;
}

/**
 * PostgreSQL's own check: every file that its manifest lists is there, with its size and SHA-256, and no
 * other, and the WAL that makes it consistent can be read. The map of tablespaces was left out.
 *
 * @param hasWal whether that WAL lies in pg_wal.
 * @param more options.
 * @param progress what it is told as.
 */
export async function verify(
  { programs, signal, report }: LayOut,
  directory: string,
  hasWal: boolean,
  more: readonly string[] = [],
  progress: VerifyStage = { stage: 'verify', at: 0, of: 1 },
): Promise<void> {
  const { stage, at, of } = progress;
  report?.({ stage, done: at, total: of, unit: 'backups' });
  const args = [
    '--quiet',
    `--ignore=${TABLESPACE_MAP}`,
    ...(hasWal ? [] : ['--no-parse-wal']),
    ...more,
  ];
  // It gives the path to a shell, which would read "$" and quotes in it.
  await runServerProgram(programs, 'pg_verifybackup', [...args, '.'], {
    ...{ signal, cwd: directory },
    hint: VERIFY_HINT,
  });
  report?.({ stage, done: at + 1, total: of, unit: 'backups' });
}
