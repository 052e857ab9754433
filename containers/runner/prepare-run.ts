import { ECSClient } from '@aws-sdk/client-ecs';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { BackupKind } from '../../contract/names.ts';
import { assertLabelFree } from '../../vault/commit.ts';
import { abortStaleUploads } from '../../vault/stale-uploads.ts';
import type { AttemptOptions } from './attempts.ts';
import type { BackupKindWork, BackupRun, Reach } from './backup-run.ts';
import { readLastBackup } from './last-backup.ts';
import { preparePhysical } from './physical/prepare-physical.ts';
import { prepareLogical } from './prepare-logical.ts';
import { reportLeftOpen } from './report-left-open.ts';
import type { LastBackup } from './source/behind-last.ts';
import { type ChosenSource, chooseSource } from './source/choose-source.ts';
import { parseConnectionUri } from './source/connection-uri.ts';
import { readSecret } from './source/read-secret.ts';
import { trustFor } from './source/trust.ts';
import { findTaskStates } from './task-states.ts';

/** Where ECS cannot be reached, the backup goes on without it. */
const IMPATIENT = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 5_000, socketTimeout: 10_000 },
} as const;

/** How each kind is taken. */
const KINDS: Readonly<Record<BackupKind, (run: BackupRun) => Promise<BackupKindWork>>> = {
  logical: prepareLogical,
  physical: preparePhysical,
};

/** What a backup knows before any server is asked. */
export interface PreparedRun extends Reach {
  readonly work: BackupKindWork;
  /** Where the cluster's last backup came from, if there is one. */
  readonly last: LastBackup | undefined;
  readonly choose: (
    ...among: [...Parameters<AttemptOptions<unknown>['choose']>, Fitness]
  ) => Promise<ChosenSource>;
}

/** What a source is held against besides what holds for all. */
type Fitness = Pick<BackupKindWork, 'refuse'> & Pick<PreparedRun, 'last'>;

/** Finds it all at once: each part of it mostly waits. */
export async function prepareRun(run: BackupRun): Promise<PreparedRun> {
  const [work, reach, { last, warnings }] = await Promise.all([
    KINDS[run.task.request.kind](run),
    findCandidates(run),
    readLastBackup(run.vault, run.task.cluster),
    assertLabelFree(run.vault),
    abortStale(run),
  ]);
  // What both have to say of a manifest that cannot be read is said once.
  const all = [...new Set([...work.warnings, ...warnings])];
  return { work: { ...work, warnings: all }, last, ...reach };
}

/** Reads the secret: where the cluster's servers are, and how they let us in. */
export async function findCandidates({
  task,
  spool,
  log,
}: BackupRun): Promise<Omit<PreparedRun, 'work' | 'last'>> {
  const secret = await readSecret(new SecretsManagerClient(), task.secretId);
  for (const uri of secret.uris) log.hide(uri);
  const candidates = secret.uris.flatMap((uri, uriIndex) =>
    parseConnectionUri(uri, uriIndex).map((target) => ({ target, uriIndex })),
  );
  for (const { target } of candidates) log.hide(target.password);
  const access = {
    ...(await trustFor(secret.ca, spool.directory)),
    applicationName: `holdfast ${task.request.label}`,
  };
  return {
    candidates,
    access,
    choose: async (among, refused, { refuse, last }) => {
      const source = await chooseSource({
        ...{ candidates: among, all: candidates, access, options: task.options, refused, last },
        ...(refuse === undefined ? {} : { refuse }),
      });
      const { server, survey } = source;
      log.info('source chosen', {
        server: `${server.target.host}:${server.target.port}`,
        role: survey.inRecovery ? 'replica' : 'primary',
        lsn: survey.lsn,
        replayLagSeconds: survey.replayLagSeconds ?? null,
      });
      return source;
    },
  };
}

/** What a killed run left open costs money and is visible to nobody. */
async function abortStale({ task, vault, log }: BackupRun): Promise<void> {
  const { aborted, failures } = await abortStaleUploads(vault, {
    kind: task.request.kind,
    maxDurationMinutes: task.options.maxDurationMinutes,
    taskStates: () => findTaskStates(new ECSClient(IMPATIENT), task),
  });
  if (aborted > 0) log.info('stale uploads aborted', { uploads: aborted });
  reportLeftOpen(failures, log);
}
