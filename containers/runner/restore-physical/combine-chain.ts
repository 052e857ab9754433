import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { readBackupManifest } from './backup-manifest.ts';
import { ignoreMissing } from './ignore-missing.ts';
import { fetchInto, type LayOut, layOutSeconds, verify } from './lay-out.ts';
import { runServerProgram } from './run-server-program.ts';
import { linkTablespaces, TABLESPACE_MAP } from './tablespace-places.ts';
import { allowStart, forbidStart } from './unfinished.ts';

/** Of a file's name in an incremental backup, which holds only what changed. */
const INCREMENTAL = /(^|\/)INCREMENTAL\.([^/]+)$/;

interface StagedMember {
  readonly manifest: PhysicalManifest;
  readonly directory: string;
  /** By oid. */
  readonly tablespaces: ReadonlyMap<number, string>;
}

/**
 * Fetches all members of a chain beside each other and has PostgreSQL combine them into the directory.
 * What pg_combinebackup passes over in silence is looked after here: tablespaces, which it only finds by
 * links that are not in the tars.
 *
 * @param members the full one first.
 * @param staging directory for the members, which are gone afterwards.
 * @throws HoldfastError RESTORE_REFUSED before anything is fetched; VAULT_INTEGRITY, VAULT_DENIED,
 * VAULT_UNAVAILABLE, RESTORE_FAILED
 */
export async function combineChain(
  work: LayOut,
  members: readonly PhysicalManifest[],
  staging: string,
): Promise<{ fetch: number; combine: number; verify: number }> {
  const parent = await mkdtemp(join(staging, 'holdfast-chain-')).catch((cause: Error) => {
    throw new HoldfastError(
      'RESTORE_REFUSED',
      `The staging directory ${staging} cannot be used: ${cause.message}.`,
      { hint: 'Nothing was changed. Name a directory that you may write to: --staging DIR', cause },
    );
  });
  try {
    const { seconds, timed } = layOutSeconds();
    const staged = members.map((manifest, at) => place(parent, at, manifest));
    await timed('fetch', () => stage(work, staged));
    for (const [at, { directory }] of staged.entries()) {
      const progress = { stage: 'members', at, of: staged.length } as const;
      await timed('verify', () => verify(work, directory, false, ['--skip-checksums'], progress));
    }
    await timed('combine', () => combine(work, staged));
    await allowStart(work.directory);
    await timed('verify', async () => {
      await assertAllThere(work.directory, staged.at(-1));
      await verify(work, work.directory, members.at(-1)?.walTar !== null);
    });
    return seconds;
  } finally {
    await rm(parent, { recursive: true, force: true, maxRetries: 3 });
  }
}

function place(parent: string, at: number, manifest: PhysicalManifest): StagedMember {
  const tablespaces = new Map(
    manifest.tablespaces.map(({ oid }) => [oid, join(parent, `${at}-tablespaces`, String(oid))]),
  );
  return { manifest, directory: join(parent, String(at)), tablespaces };
}

async function stage(work: LayOut, staged: readonly StagedMember[]): Promise<void> {
  const members = staged.map((member) => ({
    ...member,
    places: [...member.tablespaces].map(([oid, path]) => ({ oid, path })),
    // That of the others pg_combinebackup passes over.
    wal: member === staged.at(-1),
  }));
  for (const { directory } of members) {
    await mkdir(directory, { mode: 0o700 });
    await forbidStart(directory);
  }
  await fetchInto(work, members);
  for (const { directory, places } of members) await linkTablespaces(directory, places);
}

async function combine(work: LayOut, staged: readonly StagedMember[]): Promise<void> {
  const { programs, directory, places, signal, report } = work;
  report?.({ stage: 'combine', done: 0, total: staged.length, unit: 'backups' });
  const newest = staged.at(-1);
  const mappings = places.map(({ oid, path }) => {
    const from = newest?.tablespaces.get(oid);
    if (from === undefined) throw new Error(`The tablespace ${oid} was not staged.`);
    return `--tablespace-mapping=${escaped(from)}=${escaped(path)}`;
  });
  await runServerProgram(
    programs,
    'pg_combinebackup',
    [
      ...mappings,
      // Sums of files that are copied are taken over, and so compared with PostgreSQL's own.
      '--manifest-checksums=SHA256',
      // The server writes everything out at its first start.
      '--no-sync',
      `--output=${directory}`,
      ...staged.map((member) => member.directory),
    ],
    {
      signal,
      hint: 'What was fetched has been removed. Restore an earlier backup of the chain, and report this one.',
    },
  );
  report?.({ stage: 'combine', done: staged.length, total: staged.length, unit: 'backups' });
}

/** Every file that the newest backup lists is in the result, those in tablespaces above all. */
async function assertAllThere(directory: string, newest: StagedMember | undefined): Promise<void> {
  if (newest === undefined) return;
  for (const listed of await readBackupManifest(newest.directory)) {
    if (listed === TABLESPACE_MAP) continue;
    const path = listed.replace(INCREMENTAL, '$1$2');
    const there = await stat(join(directory, path)).catch(ignoreMissing);
    if (there?.isFile()) continue;
    throw new HoldfastError(
      'RESTORE_FAILED',
      `Combined, the backup lacks ${path}, which ${newest.manifest.label} has.`,
      { hint: 'What was fetched has been removed. Use another backup, and report this one.' },
    );
  }
}

/** pg_combinebackup takes a backslash for itself everywhere but before an equals sign. */
function escaped(path: string): string {
  return path.replaceAll('=', '\\=');
}

/** What lies beside the result for a time, on the staging directory's volume. */
export function stagingNeeds(
  members: readonly PhysicalManifest[],
  staging: string,
): { path: string; bytes: number }[] {
  if (members.length < 2) return [];
  const bytes = members.reduce((sum, { files }) => sum + files.bytes, 0);
  const wal = members.at(-1)?.walTar?.bytes ?? 0;
  return [{ path: staging, bytes: bytes + wal }];
}

/** Where a chain's members are put unless it is said: beside the data directory. */
export function defaultStaging(directory: string): string {
  return basename(directory) === '' ? directory : dirname(directory);
}
