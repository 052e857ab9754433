import type { z } from 'zod';
import type { ManifestBase } from '../../contract/manifest-base.ts';
import type { Tried } from '../../contract/manifest-source.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import { ALGORITHM_SUITE_NAME } from '../../vault/encryption/message-format.ts';
import type { ChosenSource } from './source/choose-source.ts';
import type { Spool } from './spool.ts';
import type { TaskConfiguration } from './task-configuration.ts';

type Base = z.infer<typeof ManifestBase>;

/** What a kind adds to what every manifest says. */
export type KindsPart = Pick<Base, 'server' | 'notIncluded'> & {
  readonly warnings: readonly string[];
};

/** What every manifest says, but for what its kind knows. */
export type ManifestParts = Omit<Base, keyof KindsPart> & {
  /** Of the run itself. */
  readonly warnings: readonly string[];
};

/** All that is known of a backup of any kind once its artifacts are complete. */
export interface FinishedBackup {
  readonly task: TaskConfiguration;
  readonly source: ChosenSource;
  readonly durations: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly tried: readonly Tried[];
  /** Of the run itself. */
  readonly warnings: readonly string[];
  readonly artifacts: Base['artifacts'];
  readonly vault: BackupVault;
  readonly spool: Spool;
  readonly startedAt: Date;
}

/** What the manifest of any finished backup says. */
export function describeBackup(finished: FinishedBackup): ManifestParts {
  const { task, vault, spool, startedAt } = finished;
  const finishedAt = new Date();
  return {
    version: 1,
    label: task.request.label,
    environment: task.environment,
    cluster: task.cluster,
    request: task.request,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    attempts: finished.attempts,
    source: describeSource(finished.source),
    tried: [...finished.tried],
    warnings: finished.warnings,
    encryption: {
      format: 'aws-encryption-sdk',
      algorithmSuite: ALGORITHM_SUITE_NAME,
      kmsKeyArn: task.kmsKeyArn,
    },
    lock: { mode: vault.lock.mode, retainUntil: vault.lock.retainUntil.toISOString() },
    artifacts: finished.artifacts,
    durations: {
      ...finished.durations,
      total: (finishedAt.getTime() - startedAt.getTime()) / 1000,
    },
    // libuv reports kibibytes.
    peak: { rssBytes: process.resourceUsage().maxRSS * 1024, spoolBytes: spool.guard.peakBytes },
    spool: { capBytes: spool.capBytes, punchHole: spool.punchHole },
  };
}

function describeSource({ server, survey }: ChosenSource): Base['source'] {
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
