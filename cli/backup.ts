import { setTimeout as sleep } from 'node:timers/promises';
import { ERROR_CODES, type ErrorCode } from '../contract/error-codes.ts';
import { HoldfastError } from '../contract/errors.ts';
import { ExitCode } from '../contract/exit-codes.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { BackupKind, BackupType } from '../contract/names.ts';
import { StartTaskAnswer } from '../contract/request.ts';
import { findBackup, readManifest } from '../vault/catalog.ts';
import { BackupFailed } from './backup-failed.ts';
import { formatBytes, formatSeconds } from './format.ts';
import type { Heard, Io, TaskState } from './io.ts';
import { sum } from './summarize.ts';

/** Between two looks at the task, milliseconds. */
const POLL_MS = 3_000;
/**
 * How long ECS may not know a task that it has just started, ms: it is consistent in the end only.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
const KNOWN_WITHIN_MS = 60_000;
/** How often a failed task's log is looked into before it counts as silent. */
const LOG_LOOKS = 3;

export interface BackupOptions {
  readonly environment: string;
  readonly cluster: string;
  readonly kind: BackupKind;
  readonly type: BackupType;
  /** Whether to see it to its end. */
  readonly wait: boolean;
  readonly json: boolean;
}

/**
 * `holdfast backup`: asks for a backup as a person does, and sees it to its end.
 *
 * @throws HoldfastError what start-task refused; BACKUP_FAILED when the task failed
 */
export async function backup(options: BackupOptions, io: Io, pollMs = POLL_MS): Promise<void> {
  const { environment, cluster, kind, json } = options;
  const answer = await start(options, io);
  const { label, taskArn } = answer;
  if (!options.wait) {
    io.stdout.write(json ? asJson(answer) : `${label}\n`);
    io.stderr.write(`The task ${taskArn} was started.\n`);
    return;
  }
  io.stderr.write(`Backup ${label} of ${cluster}, ${kind}: the task ${taskArn} was started.\n`);
  const end = await untilStopped(answer, io, pollMs);
  const { exitCode } = end;
  if (exitCode !== 0) {
    throw new BackupFailed(options, answer, end, await hear(answer, end, io, pollMs));
  }
  const manifest = await lookUp(environment, answer, io).catch((error: unknown) => {
    if (options.type === 'full' || !isUnknown(error)) throw error;
    // A result: the backup that it would rest on shows all that there is.
    io.stderr.write(`Nothing was written to ${cluster} since its last backup: none was taken.\n`);
    return undefined;
  });
  if (json) io.stdout.write(asJson({ ...answer, exitCode, ...(manifest && { manifest }) }));
  else io.stdout.write(manifest === undefined ? `${label}\n` : describe(manifest));
}

async function start(
  { environment, cluster, kind, type }: BackupOptions,
  io: Io,
): Promise<StartTaskAnswer> {
  const event = { action: 'backup', cluster, kind, type } as const;
  const { payload, failed } = await io.services.startTask(environment, event);
  if (!failed) return StartTaskAnswer.parse(payload);
  const { errorType = 'INTERNAL', errorMessage = 'start-task failed without a reason' } =
    (payload ?? {}) as { errorType?: string; errorMessage?: string };
  const code: ErrorCode = errorType in ERROR_CODES ? (errorType as ErrorCode) : 'INTERNAL';
  throw new HoldfastError(code, `start-task refused: ${errorMessage}`, {
    hint: 'Nothing was started. What the code means is in docs/errors.md.',
  });
}

/** Looks at the task until it has stopped, and says each change. */
async function untilStopped(
  { label, taskArn, cluster }: StartTaskAnswer,
  io: Io,
  pollMs: number,
): Promise<TaskState> {
  const started = io.now().getTime();
  const { isTTY } = io.stderr;
  let shown = '';
  let seen = false;
  for (;;) {
    const state = await io.services.describeTask(taskArn);
    seen ||= state !== undefined || io.now().getTime() - started > KNOWN_WITHIN_MS;
    const status = state?.status ?? `${seen ? 'no more' : 'not yet'} known to ECS`;
    const since = formatSeconds(Math.round((io.now().getTime() - started) / 1000));
    if (isTTY) io.stderr.write(`\r\x1b[2Ktask ${status}, ${since}`);
    else if (status !== shown) io.stderr.write(`task ${status}\n`);
    shown = status;
    if ((state === undefined && seen) || state?.status === 'STOPPED') {
      if (isTTY) io.stderr.write('\n');
      return state ?? { status };
    }
    await sleep(pollMs, undefined, { signal: io.signal }).catch(() => {
      if (isTTY) io.stderr.write('\n');
      io.stderr.write(
        `The task goes on without being watched: holdfast show ${label} --cluster ${cluster}\n`,
      );
      throw io.signal.reason;
    });
  }
}

/** What the runner said last. Its log may come a little later than ECS's word that it has stopped. */
async function hear(
  { taskArn }: StartTaskAnswer,
  end: TaskState,
  io: Io,
  pollMs: number,
): Promise<Heard> {
  // What was killed, or never started, has said nothing of it.
  if (!Object.values(ExitCode).some((one) => one === end.exitCode)) return {};
  for (let look = 1; ; look += 1) {
    const heard = await io.services.readTaskLog(taskArn, end);
    if (heard.words !== undefined || heard.notHeard !== undefined || look === LOG_LOOKS) {
      return heard;
    }
    await sleep(pollMs, undefined, { signal: io.signal }).catch(() => {
      throw io.signal.reason;
    });
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'BACKUP_UNKNOWN';
}

/** The manifest; `undefined`, and a warning, where the catalog may not be read. */
async function lookUp(
  environment: string,
  { cluster, label }: StartTaskAnswer,
  io: Io,
): Promise<Manifest | undefined> {
  try {
    const vault = await io.services.openVault(environment);
    return await readManifest(vault, await findBackup(vault, cluster, label));
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'VAULT_DENIED') throw error;
    io.stderr.write(`warning: the task ended well, but the catalog: ${error.message}\n`);
    return undefined;
  }
}

function describe({
  label,
  cluster,
  artifacts,
  startedAt,
  finishedAt,
  warnings,
}: Manifest): string {
  const stored = formatBytes(sum(artifacts.map(({ cipher }) => cipher.bytes)));
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  return [
    `Backup ${label} of ${cluster} is in the vault: ${stored} in ${formatSeconds(seconds)}.`,
    ...warnings.map((warning) => `Warning: ${warning}`),
    '',
  ].join('\n');
}

function asJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
