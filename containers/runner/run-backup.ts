import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { asHoldfastError } from '../../contract/errors.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import { assertLabelFree, completeArtifacts, writeManifest } from '../../vault/commit.ts';
import { ALGORITHM_SUITE_NAME, encryptionKeyring } from '../../vault/encrypt.ts';
import { PartPool } from '../../vault/part-pool.ts';
import { PART_BYTES, partBuffers } from '../../vault/part-size.ts';
import { lockFor } from '../../vault/retention.ts';
import { createS3Client } from '../../vault/s3-client.ts';
import { UploadLedger } from '../../vault/upload-ledger.ts';
import type { Log } from './log.ts';
import { type LogicalBackup, stopwatch, takeLogicalBackup } from './logical-backup.ts';
import { findProgram } from './process/program.ts';
import { type ChosenSource, chooseSource } from './source/choose-source.ts';
import { parseConnectionUri } from './source/connection-uri.ts';
import { readSecret } from './source/read-secret.ts';
import { trustFor } from './source/trust.ts';
import { verifyUnchanged } from './source/verify-unchanged.ts';
import { openSpool, type Spool } from './spool.ts';
import type { TaskConfiguration } from './task-configuration.ts';
import { VERSION } from './version.ts';

/**
 * Takes one backup: chooses the source, dumps, uploads, proves, commits. It either writes a manifest
 * or leaves nothing that anybody could list or restore.
 *
 * @param abort ends the run; its reason is thrown.
 * @throws HoldfastError
 */
export async function runBackup(
  task: TaskConfiguration,
  log: Log,
  abort: AbortController,
): Promise<Manifest> {
  const startedAt = new Date();
  const spool = await openSpool(task.spoolDirectory, task.options.spoolCapMiB);
  const vault = openVault(task, startedAt, abort.signal);
  try {
    await assertLabelFree(vault);
    const source = await findSource(task, spool, log);
    const manifest = await backUp(task, { source, spool, vault, log, startedAt });
    log.info('backup published', {
      artifacts: manifest.artifacts.length,
      seconds: secondsSince(startedAt),
    });
    return manifest;
  } catch (error) {
    // The first reason is the true one: what fails after an abort fails because of it.
    const reason = abort.signal.aborted ? abort.signal.reason : error;
    abort.abort(reason);
    for (const failure of await vault.ledger.abortAll(reason)) {
      log.warn('upload left open', { code: failure.code, reason: failure.message });
    }
    throw asHoldfastError(reason);
  } finally {
    await spool.remove();
  }
}

function openVault(task: TaskConfiguration, startedAt: Date, signal: AbortSignal): BackupVault {
  const { options, request } = task;
  return {
    s3: createS3Client(),
    bucket: task.bucket,
    cluster: task.cluster,
    label: request.label,
    keyring: encryptionKeyring(task.kmsKeyArn),
    kmsKeyArn: task.kmsKeyArn,
    lock: lockFor(options.lockMode, options.retentionDays, startedAt),
    parts: new PartPool(PART_BYTES, partBuffers(options.jobs)),
    ledger: new UploadLedger(),
    signal,
  };
}

async function findSource(task: TaskConfiguration, spool: Spool, log: Log): Promise<ChosenSource> {
  const secret = await readSecret(new SecretsManagerClient(), task.secretId);
  for (const uri of secret.uris) log.hide(uri);
  const targets = secret.uris.map(parseConnectionUri);
  for (const { password } of targets) log.hide(password);
  const trust = await trustFor(secret.ca, spool.directory);
  const source = await chooseSource(targets, trust, task.options, log);
  const { server, survey } = source;
  log.info('source chosen', {
    server: `${server.target.host}:${server.target.port}`,
    role: survey.inRecovery ? 'replica' : 'primary',
    lsn: survey.lsn,
    replayLagSeconds: survey.replayLagSeconds ?? null,
  });
  return source;
}

interface Run {
  readonly source: ChosenSource;
  readonly spool: Spool;
  readonly vault: BackupVault;
  readonly log: Log;
  readonly startedAt: Date;
}

async function backUp(task: TaskConfiguration, run: Run): Promise<Manifest> {
  const { source, spool, vault, log } = run;
  const { postgresMajor, jobs, compression, logical } = task.options;
  const programs = {
    pgDump: await findProgram('pg_dump', postgresMajor),
    pgDumpall: await findProgram('pg_dumpall', postgresMajor),
    pgRestore: await findProgram('pg_restore', postgresMajor),
  };
  const backup = await takeLogicalBackup({
    source,
    jobs,
    compression,
    logical,
    programs,
    spool,
    vault,
    log,
  });
  await verifyUnchanged(source);
  vault.signal.throwIfAborted();
  const clock = stopwatch();
  const artifacts = await completeArtifacts(vault, backup.pending);
  backup.durations.completion = clock();
  const manifest = describe(task, run, backup, programs.pgDump.version, artifacts);
  await writeManifest(vault, manifest);
  return manifest;
}

function describe(
  task: TaskConfiguration,
  { source, spool, vault, startedAt }: Run,
  backup: LogicalBackup,
  pgDumpVersion: string,
  artifacts: Manifest['artifacts'],
): Manifest {
  const { server, survey } = source;
  const { request } = task;
  return {
    version: 1,
    label: request.label,
    environment: task.environment,
    cluster: task.cluster,
    kind: 'logical',
    type: 'full',
    request,
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    attempts: request.attempt + 1,
    source: {
      role: survey.inRecovery ? 'replica' : 'primary',
      host: server.target.host,
      address: server.address,
      port: server.target.port,
      uriIndex: server.uriIndex,
      systemIdentifier: survey.systemIdentifier,
      timeline: survey.timeline,
      serverVersion: survey.serverVersion,
      postmasterStartedAt: survey.postmasterStartedAt.toISOString(),
      lsn: survey.lsn,
      replayLagSeconds: survey.replayLagSeconds ?? null,
      sslmode: server.target.sslmode,
    },
    versions: { holdfast: VERSION, pgDump: pgDumpVersion, node: process.versions.node },
    globals: backup.globals,
    databases: backup.databases,
    dumpAll: backup.dumpAll,
    notIncluded: backup.notIncluded,
    warnings: backup.warnings,
    encryption: {
      format: 'aws-encryption-sdk',
      algorithmSuite: ALGORITHM_SUITE_NAME,
      kmsKeyArn: task.kmsKeyArn,
    },
    lock: { mode: vault.lock.mode, retainUntil: vault.lock.retainUntil.toISOString() },
    artifacts,
    durations: { ...backup.durations, total: secondsSince(startedAt) },
    // libuv reports kibibytes.
    peak: { rssBytes: process.resourceUsage().maxRSS * 1024, spoolBytes: backup.peakSpoolBytes },
    spool: { capBytes: spool.capBytes, punchHole: spool.punchHole },
  };
}

function secondsSince(start: Date): number {
  return (Date.now() - start.getTime()) / 1000;
}
