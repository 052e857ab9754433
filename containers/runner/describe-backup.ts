import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import type { Tried } from '../../contract/manifest-source.ts';
import { VERSION } from '../../contract/version.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import { ALGORITHM_SUITE_NAME } from '../../vault/encryption/message-format.ts';
import type { ChosenSource } from './source/choose-source.ts';
import type { Spool } from './spool.ts';
import type { TakenBackup } from './take-logical-backup.ts';
import type { TaskConfiguration } from './task-configuration.ts';

/** All that is known of a backup once its artifacts are complete. */
export interface FinishedBackup {
  readonly task: TaskConfiguration;
  readonly source: ChosenSource;
  readonly backup: TakenBackup;
  readonly attempts: number;
  readonly tried: readonly Tried[];
  /** Of the run itself. */
  readonly warnings: readonly string[];
  readonly artifacts: LogicalManifest['artifacts'];
  readonly pgDumpVersion: string;
  readonly vault: BackupVault;
  readonly spool: Spool;
  readonly startedAt: Date;
}

/** The manifest of a finished backup. */
export function describeBackup(finished: FinishedBackup): LogicalManifest {
  const { task, backup, vault, spool, startedAt } = finished;
  const finishedAt = new Date();
  return {
    version: 1,
    label: task.request.label,
    environment: task.environment,
    cluster: task.cluster,
    kind: 'logical',
    type: 'full',
    request: task.request,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    attempts: finished.attempts,
    source: describeSource(finished.source),
    server: backup.server,
    commonPoint: backup.commonPoint,
    tried: [...finished.tried],
    versions: {
      holdfast: VERSION,
      pgDump: finished.pgDumpVersion,
      node: process.versions.node,
    },
    globals: backup.globals,
    databases: backup.databases,
    dumpAll: backup.dumpAll,
    notIncluded: backup.notIncluded,
    warnings: [...finished.warnings, ...backup.warnings],
    encryption: {
      format: 'aws-encryption-sdk',
      algorithmSuite: ALGORITHM_SUITE_NAME,
      kmsKeyArn: task.kmsKeyArn,
    },
    lock: { mode: vault.lock.mode, retainUntil: vault.lock.retainUntil.toISOString() },
    artifacts: finished.artifacts,
    durations: {
      ...backup.durations,
      total: (finishedAt.getTime() - startedAt.getTime()) / 1000,
    },
    // libuv reports kibibytes.
    peak: { rssBytes: process.resourceUsage().maxRSS * 1024, spoolBytes: spool.guard.peakBytes },
    spool: { capBytes: spool.capBytes, punchHole: spool.punchHole },
  };
}

function describeSource({ server, survey }: ChosenSource): LogicalManifest['source'] {
  return {
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
    lagProbe: survey.lagProbe,
    sslmode: server.target.sslmode,
  };
}
