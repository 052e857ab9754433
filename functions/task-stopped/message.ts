import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { RUNNER_CONTAINER } from '../../contract/environment-variables.ts';
import { ERROR_CODES, type ErrorCode } from '../../contract/error-codes.ts';
import { STOP_CAUSES } from '../../contract/stop-causes.ts';
import type { Verdict } from '../../contract/verdict.ts';
import type { Heard } from './read-last-words.ts';
import type { Retry } from './retry.ts';
import type { TaskStoppedSettings } from './settings.ts';
import type { StoppedTask } from './stopped-task.ts';

/** A notification, as SNS takes it. */
export interface Message {
  /** Printable ASCII, 99 characters at most. */
  readonly subject: string;
  readonly body: string;
}

/** SNS refuses a subject of more, and characters outside of ASCII. */
const SUBJECT_CHARACTERS = 99;

/** What became of the schedule for another attempt. */
export type RetryOutcome =
  | { readonly kind: 'none' }
  | { readonly kind: 'scheduled'; readonly retry: Retry }
  | { readonly kind: 'failed'; readonly retry: Retry; readonly found: string };

/** All that a message is made from. */
export interface Told {
  readonly task: StoppedTask;
  readonly verdict: Verdict;
  readonly heard: Heard;
  readonly retry: RetryOutcome;
}

type Names = Pick<TaskStoppedSettings, 'environment' | 'maxRetries'>;

/**
 * What people are told about a stopped task: what it was, what was found, what to do. Pure.
 *
 * @returns `undefined` for what nobody has to know: a backup that succeeded at the first attempt.
 */
export function messageFor(
  { task, verdict, heard, retry }: Told,
  names: Names,
): Message | undefined {
  const attempt = task.request?.attempt ?? 0;
  const who = `${names.environment}/${task.cluster}`;
  if (verdict.succeeded) {
    if (attempt === 0) return undefined;
    return {
      subject: subject(`${who}: backup succeeded at attempt ${attempt + 1}`),
      body: paragraphs(
        `The backup of ${task.cluster} (environment ${names.environment}) succeeded.`,
        what(task, names),
        'FOUND\nAn earlier attempt had failed, of which you were told; this one is in the vault.',
        'WHAT TO DO\nNothing.',
        where(task),
      ),
    };
  }
  const { cause } = verdict;
  // The one failure after which the backup is there.
  const damaged = heard.words?.code === 'SOURCE_DAMAGED';
  return {
    subject: subject(
      retry.kind === 'scheduled'
        ? `${who}: backup failed, tries again ${clock(retry.retry.at)} UTC`
        : `${who}: ${damaged ? 'SERVER DAMAGED, backup published' : `BACKUP FAILED (${cause})`}`,
    ),
    body: paragraphs(
      damaged
        ? `The backup of ${task.cluster} (environment ${names.environment}) is in the vault, and so is the damage of its server.`
        : `The backup of ${task.cluster} (environment ${names.environment}) failed. What it had uploaded counts for nothing without its manifest; earlier backups are as they were, and \`holdfast list\` shows what there is.`,
      what(task, names),
      found(task, verdict, heard),
      `WHAT TO DO\n${whatToDo(task, verdict, heard, retry, names)}`,
      where(task),
    ),
  };
}

function what({ request, label }: StoppedTask, { maxRetries }: Names): string {
  const lines = [`WHAT\nLabel: ${label ?? 'none; the task was not started by start-task'}`];
  if (request !== undefined) {
    const { askedBy, kind, attempt } = request;
    lines.push(
      `Kind: ${kind}`,
      askedBy.by === 'schedule'
        ? `Asked for by the schedule ${askedBy.schedule}, due ${askedBy.scheduledTime}`
        : `Asked for by request ${askedBy.requestId}, ${askedBy.requestedAt}`,
      `Attempt: ${attempt + 1} of ${Math.max(maxRetries, attempt) + 1}`,
    );
  }
  return lines.join('\n');
}

function found(
  { reasons, exitCode, stopCode }: StoppedTask,
  { cause, codes }: Extract<Verdict, { succeeded: false }>,
  { words, notHeard }: Heard,
): string {
  return [
    `FOUND\n${cause}: ${STOP_CAUSES[cause].found}`,
    `Exit status: ${exitCode ?? 'none'}`,
    ...(words === undefined
      ? codes.map((code) => `  may be ${code}: ${meaningOf(code)}`)
      : [`The runner said: ${words.code}: ${words.message}`]),
    ...(notHeard === undefined ? [] : [`Its log could not be read: ${notHeard}`]),
    ...(stopCode === undefined ? [] : [`ECS's stop code: ${stopCode}`]),
    ...reasons.map((reason) => `ECS says: ${reason}`),
  ].join('\n');
}

function meaningOf(code: string): string {
  return code in ERROR_CODES ? ERROR_CODES[code as ErrorCode].meaning : 'of another version';
}

function whatToDo(
  { request, cluster }: StoppedTask,
  { cause, retryable }: Extract<Verdict, { succeeded: false }>,
  { words }: Heard,
  retry: RetryOutcome,
  { environment, maxRetries }: Names,
): string {
  const next = words?.hint ?? STOP_CAUSES[cause].next;
  const byHand = `aws lambda invoke --function-name ${startTaskFunctionName(environment)} --cli-binary-format raw-in-base64-out --payload '{"action":"backup","cluster":"${cluster}","kind":"${request?.kind ?? 'logical'}"}' answer.json`;
  const afterwards = `${next}\nThen start a backup by hand:\n${byHand}`;
  switch (retry.kind) {
    case 'scheduled':
      return `Nothing yet: the next attempt starts by itself at ${minute(retry.retry.at)} UTC, under the label ${retry.retry.label}. You are told how it ends.\nIf it fails too: ${next}`;
    case 'failed':
      return `The next attempt could not be scheduled (${retry.found}), so do it yourself.\n${afterwards}`;
    case 'none':
      if (!retryable) return `It is not tried again, because it would fail again.\n${afterwards}`;
      if (request === undefined) {
        return `It is not tried again, because the task does not tell what was asked for.\n${afterwards}`;
      }
      return `It is not tried again: ${maxRetries === 0 ? 'retries are switched off (maxRetries)' : `all ${maxRetries + 1} attempts have failed`}.\n${afterwards}`;
  }
}

function where({ taskArn, cluster }: StoppedTask): string {
  const id = taskArn.split('/').at(-1) ?? '';
  return `WHERE TO LOOK\nTask: ${taskArn}\nLog stream in CloudWatch: ${cluster}/${RUNNER_CONTAINER}/${id}\nWhat each cause means: docs/notifications.md`;
}

function subject(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?').slice(0, SUBJECT_CHARACTERS);
}

function paragraphs(...parts: readonly string[]): string {
  return `${parts.join('\n\n')}\n`;
}

/** `03:20` */
function clock(at: Date): string {
  return at.toISOString().slice(11, 16);
}

/** `2026-11-20 03:20` */
function minute(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ');
}
