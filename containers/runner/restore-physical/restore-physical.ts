import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { combineChain, stagingNeeds } from './combine-chain.ts';
import { readControlData } from './control-data.ts';
import { assertDiskRoom } from './disk-need.ts';
import { writeFetchWalScript } from './fetch-wal-script.ts';
import { followPrimary } from './follow-primary.ts';
import { type LayOutSeconds, layOutFull } from './lay-out.ts';
import { cipherBytes } from './member-streams.ts';
import type { PhysicalRestoreRequest, PhysicalRestoreResult } from './physical-restore-request.ts';
import { leavePrimary, preparePrimary } from './primary.ts';
import { noteRestored, QUARANTINE, quarantine, socketDirectory } from './quarantine.ts';
import type { Recovery } from './recover.ts';
import { recoverServer } from './recover-server.ts';
import { assertNotRoot, LOG_FILE } from './server-process.ts';
import { findServerPrograms, type ServerPrograms } from './server-programs.ts';
import { settingsFor } from './server-settings.ts';
import { asStandbySees } from './standby-trust.ts';
import { placeTablespaces, type TablespacePlace } from './tablespace-places.ts';
import {
  abandon,
  assertClaimable,
  type ClaimedDirectory,
  claimDirectory,
} from './target-directory.ts';
import { finish, makeUnfinished } from './unfinished.ts';

/**
 * Brings a server back: fetches a base backup with what it rests on, combines it, has PostgreSQL verify
 * it, starts it in quarantine, and recovers it to the target.
 *
 * What fails before the server is started leaves nothing behind. A recovery that fails leaves what was
 * fetched, and the server's log. One that is killed leaves what no server starts on, or one in quarantine.
 *
 * @throws HoldfastError RESTORE_REFUSED, CLIENT_MISSING before anything is changed; VAULT_INTEGRITY,
 * VAULT_DENIED, VAULT_UNAVAILABLE, RESTORE_FAILED
 */
export async function restorePhysical(
  request: PhysicalRestoreRequest,
): Promise<PhysicalRestoreResult> {
  const began = Date.now();
  const newest = newestOf(request);
  const { directory, signal } = request;
  assertNotRoot();
  const major = Number.parseInt(newest.source.serverVersion, 10);
  const programs = await findServerPrograms(major, request.pgBin);
  const places = placeTablespaces(newest, directory, request.tablespaces);
  await assertClaimable(directory, 'data directory');
  for (const { path, named } of places) {
    if (named) await assertClaimable(path, "tablespace's directory");
  }
  await assertDiskRoom(needsOf(request, newest, places));
  const primary = request.primary && {
    ...request.primary,
    server: await asStandbySees(request.primary.server, major),
  };
  const madeSlot =
    primary !== undefined && (await preparePrimary(primary, newest.source.systemIdentifier));
  const claimed: ClaimedDirectory[] = [];
  try {
    claimed.push(await claimDirectory(directory, 'data directory'));
    for (const { path, named } of places) {
      if (named) claimed.push(await claimDirectory(path, "tablespace's directory"));
    }
    const unfinished = await makeUnfinished(directory);
    const seconds = await layOut({ ...request, directory: unfinished }, programs, places);
    const prepared = await prepareStart(request, newest, programs, places, unfinished);
    const { control } = prepared;
    const result = (recovery: Recovered, recover: number): PhysicalRestoreResult => ({
      directory,
      label: newest.label,
      members: request.members.map(({ label }) => label),
      tablespaces: places.map(({ name, path }) => ({ name, path })),
      state: recovery.state,
      timeline: recovery.timeline ?? control.timeline,
      redoneLsn: recovery.redoneLsn ?? null,
      lastCommit: recovery.lastCommit ?? null,
      stoppedAt: recovery.stoppedAt ?? null,
      port: request.port,
      socketDirectory: socketDirectory(directory),
      logFile: join(directory, QUARANTINE, LOG_FILE),
      programs: programs.directory,
      warnings: [...request.warnings, ...prepared.warnings],
      seconds: { ...seconds, recover, total: (Date.now() - began) / 1000 },
    });
    const { settings } = prepared;
    if (primary === undefined) {
      return await recoverServer(request, { programs, settings, control, describe: result });
    }
    const { environment } = request;
    const started = Date.now();
    const follow = { programs, directory, primary, settings, environment, signal };
    const { lsn, timeline, warnings } = await followPrimary(follow);
    const end = { state: 'standby', redoneLsn: lsn, timeline } as const;
    const standby = result(end, (Date.now() - started) / 1000);
    return { ...standby, warnings: [...standby.warnings, ...warnings] };
  } catch (error) {
    // What recovery itself has failed with is worth a look; what was begun before it is not.
    const kept = !signal?.aborted && (error as { kept?: boolean }).kept === true;
    const failure = kept ? error : await abandon(claimed, error);
    throw primary === undefined ? failure : await leavePrimary(primary, madeSlot, failure);
  }
}

function newestOf({ members }: PhysicalRestoreRequest): PhysicalManifest {
  const newest = members.at(-1);
  if (newest === undefined) throw new Error('No backup was given.');
  return newest;
}

function needsOf(
  { members, directory, staging }: PhysicalRestoreRequest,
  newest: PhysicalManifest,
  places: readonly TablespacePlace[],
): { path: string; bytes: number }[] {
  const wal = newest.walTar?.bytes ?? 0;
  return [
    // Tablespaces' share is not known: all of it is counted once, where most of it goes.
    { path: directory, bytes: newest.files.bytes + wal },
    ...places.filter(({ named }) => named).map(({ path }) => ({ path, bytes: 0 })),
    ...stagingNeeds(members, staging),
  ];
}

/** @returns how long its steps took, seconds. */
async function layOut(
  { reader, members, directory, staging, signal, onProgress: report }: PhysicalRestoreRequest,
  programs: ServerPrograms,
  places: readonly TablespacePlace[],
): Promise<LayOutSeconds> {
  const total = members.reduce(
    (sum, member) => sum + cipherBytes(member, member === members.at(-1)),
    0,
  );
  let done = 0;
  const onFetched = (bytes: number): void => {
    done += bytes;
    report?.({ stage: 'fetch', done, total, unit: 'bytes' });
  };
  const work = { programs, reader, directory, places, signal, report, onFetched };
  const [only, ...more] = members;
  if (only !== undefined && more.length === 0) return await layOutFull(work, only);
  return await combineChain(work, members, staging);
}

/** How recovery, or following, came to its end. */
type Recovered = Pick<PhysicalRestoreResult, 'state'> &
  Partial<Pick<Recovery, 'redoneLsn' | 'lastCommit' | 'stoppedAt' | 'timeline'>>;

interface PreparedStart {
  readonly settings: Readonly<Record<string, string>>;
  readonly control: Awaited<ReturnType<typeof readControlData>>;
  readonly warnings: readonly string[];
}

async function prepareStart(
  request: PhysicalRestoreRequest,
  newest: PhysicalManifest,
  programs: ServerPrograms,
  places: readonly TablespacePlace[],
  unfinished: string,
): Promise<PreparedStart> {
  const { directory, port, members, goal } = request;
  const control = await readControlData(programs, unfinished);
  if (control.systemIdentifier !== newest.source.systemIdentifier) {
    throw new HoldfastError(
      'VAULT_INTEGRITY',
      `${newest.label} is of the system ${newest.source.systemIdentifier} by its manifest, and of ${control.systemIdentifier} by its pg_control.`,
      {
        hint: 'The manifest has been forged: look who wrote it (CloudTrail), and use another backup.',
      },
    );
  }
  const own = newest.walTar === null ? [] : await segmentsIn(join(unfinished, 'pg_wal'));
  await quarantine(directory, {}, unfinished);
  await finish(directory);
  const { settings, warnings } = await settingsFor(directory, newest, control, programs);
  const restoreCommand = await writeFetchWalScript(directory, {
    command: request.walFetch,
    programs,
    places: places.map(({ path }) => path),
    // The last one is not whole: the server went on writing into it.
    own: own.slice(0, -1),
    segments: goal.target.is !== 'immediate' || own.length === 0,
    standby: request.primary !== undefined,
  });
  await noteRestored(directory, {
    cluster: newest.cluster,
    members: members.map(({ label }) => label),
    goal,
  });
  return {
    settings: { ...settings, port: String(port), restore_command: restoreCommand },
    control,
    warnings,
  };
}

async function segmentsIn(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
}
