import { availableParallelism } from 'node:os';
import { asHoldfastError, type HoldfastError } from '../../contract/errors.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { walSlotName } from '../../contract/wal-slot.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import { completeArtifacts, writeManifest } from '../../vault/commit.ts';
import { kmsDataKeySource } from '../../vault/encryption/data-key.ts';
import { EncryptionThreads } from '../../vault/encryption/encryption-threads.ts';
import { abortBackup, abortDoubtful } from '../../vault/open-uploads.ts';
import { PartPool } from '../../vault/part-pool.ts';
import { BASE_PART_BUFFERS, PART_FRAMES, partBuffers } from '../../vault/part-size.ts';
import { findPublished } from '../../vault/published-backup.ts';
import { lockFor } from '../../vault/retention.ts';
import { createPatientS3Client } from '../../vault/s3-client.ts';
import { UploadLedger } from '../../vault/upload-ledger.ts';
import { tryOnSources } from './attempts.ts';
import type { BackupKindWork, BackupRun, Reach, TakenBackup } from './backup-run.ts';
import { describeBackup } from './describe-backup.ts';
import type { Log } from './log.ts';
import { UnchangedSince } from './physical/unchanged-since.ts';
import { findCandidates, type PreparedRun, prepareRun } from './prepare-run.ts';
import { reportLeftOpen } from './report-left-open.ts';
import { settleWithin } from './settle-within.ts';
import { abandonedSlot } from './source/abandoned-slot.ts';
import type { ChosenSource } from './source/choose-source.ts';
import { verifyUnchanged } from './source/verify-unchanged.ts';
import { openSpool } from './spool.ts';
import { stopwatch } from './stopwatch.ts';
import type { TaskConfiguration } from './task-configuration.ts';
import { watch } from './watchdog.ts';

/**
 * How long a run that has been told to end may take to come to an end by itself, ms. What it leaves
 * open is aborted after that, and SIGTERM has to be honoured within 30 s.
 */
const END_GRACE_MS = 10_000;

/** What it means that the spool's file system punches no holes. */
const NO_HOLES =
  'A file is freed once it is uploaded whole: half the cap must hold the largest table.';

/**
 * Takes one backup: chooses the source, dumps, uploads, proves, commits. It either writes a manifest
 * or leaves nothing that anybody could list or restore. Where the backup is there already, because what
 * succeeded was started once more, that is a success too, and adds nothing.
 *
 * @param abort ends the run; its reason is thrown.
 * @returns the backup's manifest, whichever task wrote it.
 * @throws HoldfastError
 */
export async function runBackup(
  task: TaskConfiguration,
  log: Log,
  abort: AbortController,
): Promise<Manifest> {
  const startedAt = new Date();
  const { maxDurationMinutes, stallMinutes } = task.options;
  const vault = openVault(task, startedAt, abort.signal);
  const published = begun(findPublished(vault));
  const spool = await openSpool(task.spoolDirectory, spoolOptions(task));
  if (!spool.punchHole) log.warn('spool cannot free the start of a file', { effect: NO_HOLES });
  let waited = 0;
  const waits = () => {
    waited += 1;
  };
  const stopWatching = watch({
    maxDurationMinutes,
    stallMinutes,
    parts: () => vault.parts.released,
    waited: () => waited,
    log,
    abort: (reason) => abort.abort(reason),
  });
  try {
    const work = backUpOnce({ task, spool, vault, log, startedAt, waits }, published);
    const manifest = await settleWithin(work, abort.signal, END_GRACE_MS);
    reportLeftOpen(await abortDoubtful(vault), log);
    return manifest;
  } catch (error) {
    // The first reason is the true one: what fails after an abort fails because of it.
    const reason: unknown = abort.signal.aborted ? abort.signal.reason : error;
    abort.abort(reason);
    reportLeftOpen(await abortBackup(vault, reason), log);
    throw asHoldfastError(reason);
  } finally {
    stopWatching();
    await Promise.all([vault.encryption.stop(), spool.remove()]);
  }
}

/** The server of a base backup keeps to a rate by itself. */
function spoolOptions({ options, request }: TaskConfiguration): Parameters<typeof openSpool>[1] {
  return request.kind === 'physical' ? { ...options, maxRateMiBPerSecond: 0 } : options;
}

function openVault(task: TaskConfiguration, startedAt: Date, signal: AbortSignal): BackupVault {
  const { options, request } = task;
  // A server sends one base tar at a time, whatever is set for dumps.
  const buffers = request.kind === 'physical' ? BASE_PART_BUFFERS : partBuffers(options.jobs);
  const parts = new PartPool(PART_FRAMES, buffers);
  return {
    s3: createPatientS3Client(signal),
    bucket: task.bucket,
    cluster: task.cluster,
    label: request.label,
    dataKeys: kmsDataKeySource(task.kmsKeyArn),
    kmsKeyArn: task.kmsKeyArn,
    lock: lockFor(options.lockMode, options.retentionDays, startedAt),
    parts,
    encryption: new EncryptionThreads(parts.memory, Math.ceil(availableParallelism() / 2)),
    ledger: new UploadLedger(),
    signal,
  };
}

/** Work that goes on meanwhile: its failure is for whoever waits for it later, if anybody does. */
function begun<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** Takes the backup unless it is there, or another task has been faster. */
async function backUpOnce(
  run: BackupRun,
  published: Promise<Manifest | undefined>,
): Promise<Manifest> {
  const { vault, log } = run;
  const preparing = begun(prepareRun(run));
  // Ahead of all that may fail: whatever has become of the source since is no failure of this backup.
  const before = await published;
  if (before !== undefined) return alreadyThere(before, log);
  try {
    const { manifest, afterwards } = await backUp(run, await preparing);
    log.info('backup published', {
      artifacts: manifest.artifacts.length,
      seconds: manifest.durations.total,
    });
    if (afterwards !== undefined) throw afterwards;
    return manifest;
  } catch (error) {
    if (error instanceof UnchangedSince) return unchanged(error, log);
    const taken = asHoldfastError(error).code === 'LABEL_TAKEN' && !vault.signal.aborted;
    const meanwhile = taken ? await findPublished(vault) : undefined;
    if (meanwhile === undefined) throw error;
    reportLeftOpen(await abortBackup(vault, error), log);
    return alreadyThere(meanwhile, log);
  }
}

function alreadyThere(manifest: Manifest, log: Log): Manifest {
  const { label, finishedAt, artifacts } = manifest;
  log.info('backup is there already', { label, finishedAt, artifacts: artifacts.length });
  return manifest;
}

function unchanged({ parent }: UnchangedSince, log: Log): Manifest {
  const { label, finishedAt } = parent;
  log.info('unchanged since parent', { parent: label, finishedAt });
  return parent;
}

async function backUp(
  run: BackupRun,
  { work, last, ...prepared }: PreparedRun,
): Promise<{ manifest: Manifest; afterwards: HoldfastError | undefined }> {
  const { task, spool, vault, log, startedAt } = run;
  for (const warning of work.warnings) log.warn('preflight warning', { warning });
  let reach = prepared;
  const { source, result, attempts, tried } = await tryOnSources({
    candidates: reach.candidates,
    choose: (among, refused) => reach.choose(among, refused, { ...work, last }),
    renew: async () => {
      reach = await findCandidates(run);
      return reach.candidates;
    },
    work: (chosen) => attempt(run, chosen, work, reach),
    log,
    signal: vault.signal,
    pauseSeconds: task.options.retryPauseSeconds,
  });
  const { backup, attemptVault, found } = result;
  const { durations } = backup;
  vault.signal.throwIfAborted();
  const clock = stopwatch();
  const artifacts = await completeArtifacts(attemptVault, backup.pending);
  durations.completion = clock();
  await backup.beforeManifest?.(artifacts);
  const warnings = [...work.warnings, ...found];
  const parts = describeBackup({
    ...{ task, source, durations, attempts, tried, artifacts, warnings, vault, spool, startedAt },
  });
  const manifest = backup.describe(parts);
  vault.signal.throwIfAborted();
  await writeManifest(vault, manifest);
  return { manifest, afterwards: backup.afterwards };
}

/** What comes of a try that succeeds. */
interface Attempt {
  readonly backup: TakenBackup;
  readonly attemptVault: BackupVault;
  /** Warnings of the source, as it was chosen, and of replication slots that nobody needs any more. */
  readonly found: readonly string[];
}

/** One try on one source, with uploads of its own, which are gone when it fails. */
async function attempt(
  { task, vault, log }: BackupRun,
  source: ChosenSource,
  work: BackupKindWork,
  reach: Reach,
): Promise<Attempt> {
  const failed = new AbortController();
  const signal = AbortSignal.any([vault.signal, failed.signal]);
  // The ledger is the run's: a failure after the dump aborts what this attempt uploaded.
  const attemptVault = { ...vault, signal };
  try {
    const slot = walSlotName(task.environment, task.cluster);
    const slots = task.options.wal === null ? await abandonedSlot(source.server, slot) : [];
    const found = [...(source.notes ?? []), ...slots];
    for (const warning of found) log.warn('preflight warning', { warning });
    const backup = await work.take(source, attemptVault, reach);
    await verifyUnchanged(source);
    return { backup, attemptVault, found };
  } catch (error) {
    failed.abort(error);
    reportLeftOpen(await abortBackup(attemptVault, error), log);
    throw error;
  }
}
