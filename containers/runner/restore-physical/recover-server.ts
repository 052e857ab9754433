import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { formatLsn, parseLsn, segmentAt } from '../../../contract/wal-segments.ts';
import type { ControlData } from './control-data.ts';
import { aheadDirectory } from './fetch-wal-script.ts';
import type { PhysicalRestoreRequest, PhysicalRestoreResult } from './physical-restore-request.ts';
import {
  QUARANTINE,
  RECOVERY_SIGNAL,
  STANDBY_SIGNAL,
  writeQuarantineSettings,
} from './quarantine.ts';
import { ENDED_BEFORE, followRecovery, type Recovery, type WalEnd } from './recover.ts';
import { recoverySettings } from './recovery-target.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerPrograms } from './server-programs.ts';
import { WalAhead } from './wal-ahead.ts';

/** Each start raises what the last one found too low; WAL may tell of several in turn. */
const STARTS = 8;

export interface ServerToRecover {
  readonly programs: ServerPrograms;
  readonly settings: Readonly<Record<string, string>>;
  readonly control: ControlData;
  /** @param seconds how long recovery took. */
  describe(recovery: Recovery, seconds: number): PhysicalRestoreResult;
}

/**
 * Starts the restored server, in quarantine, and follows its recovery to the target. It is shut down
 * again, whatever happens, once nobody needs it any more.
 *
 * @throws HoldfastError RESTORE_FAILED, marked `kept`: the directory stays as it is, for a look
 */
export async function recoverServer(
  request: PhysicalRestoreRequest,
  restored: ServerToRecover,
): Promise<PhysicalRestoreResult> {
  const { directory, reader, members, goal, segments, signal } = request;
  await writeFile(join(directory, RECOVERY_SIGNAL), '', { mode: 0o600 });
  const ahead = await WalAhead.start({
    reader: { ...reader, cluster: members[0]?.cluster ?? '', signal },
    names: goal.target.is === 'immediate' ? [] : segments,
    directory: aheadDirectory(directory),
  });
  try {
    return await startUntilRecovered(request, restored);
  } finally {
    await ahead.stop();
  }
}

async function startUntilRecovered(
  request: PhysicalRestoreRequest,
  { programs, settings, control, describe }: ServerToRecover,
): Promise<PhysicalRestoreResult> {
  const { directory, goal, environment, signal, whileRunning } = request;
  const began = Date.now();
  const onReplay = replayed(request, parseLsn(control.redoLsn));
  let current: Record<string, string> = { ...settings, ...recoverySettings(goal) };
  let walEnd: WalEnd = goal.target.is === 'immediate' ? 'may come before' : 'comes after';
  for (let starts = 1; ; starts += 1) {
    signal?.throwIfAborted();
    await writeQuarantineSettings(directory, current);
    const server = await ServerProcess.start(programs, directory, environment);
    try {
      const { action } = goal;
      const found = await followRecovery(server, { action, walEnd }, onReplay, signal);
      if (found === ENDED_BEFORE) {
        // Nothing comes after the backup, so that its end is also that of WAL.
        walEnd = action === 'promote' ? 'comes after' : 'is waited at';
        current = { ...settings, ...recoverySettings({ ...goal, target: { is: 'latest' } }) };
        if (walEnd === 'is waited at') current = await waitAtEnd(directory, current);
        continue;
      }
      if ('state' in found) {
        assertReached(request, control, found);
        const seconds = (Date.now() - began) / 1000;
        const result = describe(found, seconds);
        if (found.state !== 'stopped') await whileRunning?.(result);
        return result;
      }
      if (starts >= STARTS) throw unsettled(server.logFile);
      for (const { setting, needed } of found) {
        current = {
          ...current,
          [setting]: String(Math.max(needed, Number(current[setting] ?? 0))),
        };
      }
    } catch (error) {
      throw error instanceof HoldfastError ? Object.assign(error, { kept: true }) : error;
    } finally {
      await server.stop();
    }
  }
}

/**
 * At the end of WAL a server that recovers promotes, whatever it should do at its target; only a standby
 * stays there. It is given no more WAL than it has: what comes meanwhile is behind its target.
 */
async function waitAtEnd(
  directory: string,
  settings: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  await rename(join(directory, RECOVERY_SIGNAL), join(directory, STANDBY_SIGNAL));
  return { ...settings, restore_command: '', hot_standby: 'on' };
}

/** Tells how much of the WAL between the base backup and the target has been replayed. */
function replayed(
  { goal, until, onProgress }: PhysicalRestoreRequest,
  from: bigint,
): ((lsn: string) => void) | undefined {
  const end = goal.target.is === 'lsn' ? parseLsn(goal.target.lsn) : until;
  if (onProgress === undefined) return undefined;
  const total = Math.max(1, Number(end - from));
  return (lsn) => {
    const done = Math.min(total, Math.max(0, Number(parseLsn(lsn) - from)));
    onProgress({ stage: 'recover', done, total, unit: 'bytes' });
  };
}

/**
 * Without a target PostgreSQL takes whatever its restore_command fails with, up to 125, for the end of
 * WAL: also that of a program that cannot be started.
 */
function assertReached(
  { goal, until }: PhysicalRestoreRequest,
  { walSegmentBytes }: ControlData,
  { redoneLsn }: Recovery,
): void {
  if (goal.target.is !== 'latest' || redoneLsn === undefined) return;
  const [last, wanted] = [parseLsn(redoneLsn), until - 1n].map((lsn) =>
    segmentAt(lsn, walSegmentBytes),
  ) as [number, number];
  // The last segment may hold nothing but the rest of a record that never ended.
  if (last >= wanted - 1) return;
  throw new HoldfastError(
    'RESTORE_FAILED',
    `Recovery ended at ${redoneLsn}, though the vault has WAL up to ${formatLsn(until)}.`,
    {
      hint: `What was restored is kept. Look at the server's log, and at what ${QUARANTINE}/fetch-wal.sh says.`,
    },
  );
}

function unsettled(logFile: string): HoldfastError {
  return new HoldfastError(
    'RESTORE_FAILED',
    `The server could not be given settings with which it recovers, in ${STARTS} starts.`,
    { hint: `Look at its log: ${logFile}` },
  );
}
