import { setTimeout as sleep } from 'node:timers/promises';
import type { Damage } from '../../../contract/physical-manifest.ts';
import { parseLsn } from '../../../contract/wal-segments.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { LockedObject } from '../../../vault/extend-locks.ts';
import type { BackupRun, Reach } from '../backup-run.ts';
import type { Program } from '../process/program.ts';
import type { ChosenSource } from '../source/choose-source.ts';
import { archivedWal } from './archived-wal.ts';
import { dataDirectory, surveyAfter } from './base-survey.ts';
import { type Chosen, chooseType } from './choose-type.ts';
import { DamagedSource, damageOf } from './damage.ts';
import { withOwnUploads } from './own-uploads.ts';
import { ParentRefused } from './parent-refused.ts';
import { type PhysicalBackup, type PhysicalBackupOptions, takeBase } from './physical-backup.ts';
import { checkpointPrimary, checkpointTimeout, committedSince } from './quiet-primary.ts';
import { comesTo, TooEarly } from './too-early.ts';
import { UnchangedSince } from './unchanged-since.ts';
import { withoutCheckpoint } from './without-checkpoint.ts';

/** Pauses between two tries on a standby that has not come as far as the parent, ms. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 30_000;

export interface TakePhysicalOptions {
  readonly run: BackupRun;
  readonly source: ChosenSource;
  /** Whose signal ends this attempt. */
  readonly vault: BackupVault;
  readonly program: Program;
  readonly reach: Reach;
}

/** A base backup, what it rests on, and what is wrong with its source. */
export interface TakenPhysical extends Chosen {
  readonly backup: PhysicalBackup;
  readonly damage: Damage[];
  /** WAL in the archive that the backup cannot do without. */
  readonly archived: readonly LockedObject[];
}

/**
 * Takes a base backup of the type that was asked for, or a full one where it cannot be had.
 *
 * @throws UnchangedSince where nothing was written since the parent
 * @throws HoldfastError
 */
export async function takePhysical(options: TakePhysicalOptions): Promise<TakenPhysical> {
  const taken = await takeChosen(options);
  const { run, vault } = options;
  if (run.task.options.physical.wal === 'stream') return { ...taken, archived: [] };
  const { walRanges: ranges, survey } = taken.backup;
  const segmentBytes = survey.server.walSegmentBytes;
  const { systemIdentifier } = options.source.survey;
  const wanted = { vault, ranges, segmentBytes, systemIdentifier, log: run.log };
  return { ...taken, archived: await archivedWal(wanted) };
}

async function takeChosen(options: TakePhysicalOptions): Promise<Omit<TakenPhysical, 'archived'>> {
  const { run, source, vault } = options;
  const { task, spool } = run;
  const { maxChainLength } = task.options.physical;
  const { type } = task.request;
  const chosen = await chooseType({ type, source, vault, spool, maxChainLength });
  try {
    return await takeOn(options, chosen);
  } catch (error) {
    if (!(error instanceof ParentRefused)) throw error;
    return await takeOn(options, { parent: undefined, why: error.message });
  }
}

async function takeOn(
  options: TakePhysicalOptions,
  chosen: Chosen,
): Promise<Omit<TakenPhysical, 'archived'>> {
  const { run, source, vault, program } = options;
  const { task, spool, log, waits } = run;
  const { physical, maxRateMiBPerSecond } = task.options;
  if (chosen.why !== undefined) {
    log.warn('full backup instead', { type: task.request.type, reason: chosen.why });
  }
  const { parent } = chosen;
  if (parent !== undefined && isUnchanged(source, parent.manifest)) {
    throw new UnchangedSince(parent.manifest);
  }
  const base: Omit<PhysicalBackupOptions, 'vault'> = {
    ...{ source, program, physical, maxRateMiBPerSecond, spool, log, waits, verifyChecksums: true },
    parent: parent && { path: parent.path, stop: comesTo(source.survey, parent.manifest.stop) },
  };
  try {
    const backup = await takeWhenReached(options, base, parent);
    return { ...chosen, backup, damage: [] };
  } catch (error) {
    if (!(error instanceof DamagedSource)) throw error;
    const damage = await describeDamage(error, source);
    // At once: the copy that is taken nevertheless may take hours.
    log.error('pages of the source are damaged', { damage });
    const again = { ...base, vault, verifyChecksums: false };
    return { ...chosen, backup: await takeBase(again), damage };
  }
}

/** Nothing was written since before the parent was begun: an idle primary writes no WAL. */
function isUnchanged(
  { survey }: ChosenSource,
  parent: NonNullable<Chosen['parent']>['manifest'],
): boolean {
  if (!survey.inRecovery || parent.source.role !== 'replica') return false;
  return survey.timeline === parent.source.timeline && survey.lsn === parent.source.lsn;
}

/**
 * A standby's backup begins at its last restartpoint, which has to lie behind the parent's end. So a
 * checkpoint is made on the primary, or waited for.
 */
async function takeWhenReached(
  { vault, source, run: { log, waits }, reach }: TakePhysicalOptions,
  base: Omit<PhysicalBackupOptions, 'vault'>,
  parent: Chosen['parent'],
): Promise<PhysicalBackup> {
  const { signal } = vault;
  const attempt = () => withOwnUploads(vault, log, (own) => takeBase({ ...base, vault: own }));
  if (parent === undefined || !source.survey.inRecovery) return await attempt();
  const stop = parent.manifest.stop.lsn;
  const passed = parseLsn(source.survey.lsn) > parseLsn(stop);
  if (!passed || !(await checkpointPrimary(source, reach, log, signal))) {
    log.info('waiting for a checkpoint', { parent: parent.manifest.label, end: stop });
  }
  const began = Date.now();
  const timeoutMs = (await checkpointTimeout(source)) * 1000;
  const committed = () => committedSince(source, parent.manifest.start.at);
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TooEarly)) throw error;
    }
    const next = await withoutCheckpoint({ waitedMs: Date.now() - began, timeoutMs, committed });
    if (next === 'unchanged') throw new UnchangedSince(parent.manifest);
    if (next === 'full')
      throw new ParentRefused(`no checkpoint has come since its end, at ${stop}`);
    waits();
    await sleep(pause, undefined, { signal });
  }
}

async function describeDamage(error: DamagedSource, source: ChosenSource): Promise<Damage[]> {
  const [{ tablespaces }, data] = await Promise.all([surveyAfter(source), dataDirectory(source)]);
  return damageOf(error, data, tablespaces);
}
