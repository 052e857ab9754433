import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../../contract/error-codes.ts';
import { ExitCode } from '../../../contract/exit-codes.ts';
import type { StopCause } from '../../../contract/stop-causes.ts';
import { judge } from '../../../contract/verdict.ts';
import { readStoppedTask } from '../../../functions/task-stopped/stopped-task.ts';
import { REQUEST, type Stop, stopEvent, stopped } from './example-stop.ts';

const PULL =
  'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 111122223333.dkr.ecr.eu-central-1.amazonaws.com/assets:abc: ';
const INIT = 'ResourceInitializationError: unable to pull secrets or registry auth: ';

describe('the end of a task', () => {
  it.each([
    {},
    { stopCode: 'UserInitiated' },
    { stopCode: 'SpotInterruption', stoppedReason: 'Your Spot Task was interrupted.' },
  ])('with status 0 is a success, whatever stopped it then: %j', (more) => {
    expect(judge(stopped({ exitCode: 0, ...more }))).toEqual({ succeeded: true });
  });

  it.each<[StopCause, boolean, Stop]>([
    ['OUT_OF_MEMORY', false, { exitCode: 137, reason: 'OutOfMemoryError: Container killed' }],
    ['OUT_OF_MEMORY', false, { exitCode: 137, stoppedReason: 'OutOfMemory: container killed' }],
    ['KILLED', true, { exitCode: 137 }],
    [
      'SPOT_INTERRUPTED',
      true,
      {
        exitCode: 143,
        stopCode: 'SpotInterruption',
        stoppedReason: 'Your Spot Task was interrupted.',
      },
    ],
    ['SPOT_INTERRUPTED', true, { exitCode: 137, stopCode: 'SpotInterruption' }],
    [
      'IMAGE_UNAVAILABLE',
      true,
      { stopCode: 'TaskFailedToStart', stoppedReason: `${PULL}dial tcp: i/o timeout` },
    ],
    [
      'IMAGE_UNAVAILABLE',
      false,
      { stopCode: 'TaskFailedToStart', stoppedReason: `${PULL}manifest: not found` },
    ],
    [
      'RESOURCES_UNAVAILABLE',
      true,
      { stopCode: 'TaskFailedToStart', stoppedReason: `${INIT}context deadline exceeded` },
    ],
    [
      'RESOURCES_UNAVAILABLE',
      false,
      { stopCode: 'TaskFailedToStart', stoppedReason: `${INIT}AccessDeniedException: User …` },
    ],
    [
      'NOT_STARTED',
      true,
      { stopCode: 'TaskFailedToStart', reason: 'CannotStartContainerError: timed out' },
    ],
    ['STOPPED_BY_USER', false, { exitCode: 143, stopCode: 'UserInitiated' }],
    ['STOPPED_BY_USER', false, { stopCode: 'UserInitiated' }],
    ['STOPPED_BY_PLATFORM', true, { exitCode: 143, stopCode: 'TerminationNotice' }],
    ['NO_EXIT_STATUS', true, {}],
  ])('is judged %s, retryable %s: %j', (cause, retryable, stop) => {
    expect(judge(stopped(stop))).toEqual({ succeeded: false, cause, codes: [], retryable });
  });

  it.each<[ExitCode, boolean, ErrorCode[]]>([
    [ExitCode.Internal, false, ['INTERNAL']],
    [ExitCode.Usage, false, ['REQUEST_INVALID']],
    [ExitCode.DumpFailed, true, ['DUMP_FAILED', 'DUMP_INCOMPLETE']],
    [ExitCode.VaultDenied, false, ['VAULT_DENIED']],
    [ExitCode.VaultUnavailable, true, ['VAULT_UNAVAILABLE']],
    // Of two codes one passes: another attempt costs little.
    [ExitCode.Spool, true, ['SPOOL_UNUSABLE', 'SPOOL_STALLED']],
    [ExitCode.Terminated, true, ['TERMINATED']],
  ])(
    'with status %i is a failure of the runner itself, retryable %s',
    (exitCode, retryable, codes) => {
      expect(judge(stopped({ exitCode }))).toEqual({
        succeeded: false,
        cause: 'RUNNER_FAILED',
        codes,
        retryable,
      });
    },
  );

  it('with a status that nobody has heard of is not tried again', () => {
    expect(judge(stopped({ exitCode: 77 }))).toMatchObject({ codes: [], retryable: false });
  });

  it('is tried again for every code of the runner that says so', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const { exit, retryable } = ERROR_CODES[code];
      const verdict = judge(stopped({ exitCode: exit }));
      if (verdict.succeeded) throw new Error(`${code} ends with status 0`);
      if (retryable && verdict.codes.includes(code)) expect(verdict.retryable, code).toBe(true);
    }
  });
});

describe('an event', () => {
  it('tells what was asked for, when it ran and why it stopped', () => {
    expect(stopped({ exitCode: 12, reason: 'x' })).toMatchObject({
      cluster: 'orders',
      label: REQUEST.label,
      request: REQUEST,
      exitCode: 12,
      stopCode: 'EssentialContainerExited',
      reasons: ['Essential container in task exited', 'x'],
      startedAt: new Date('2026-11-20T03:00:30.250Z'),
      stoppedAt: new Date('2026-11-20T03:20:00.750Z'),
    });
  });

  it('without a readable request still names cluster and label, by what start-task set besides', () => {
    const detail = { overrides: { containerOverrides: [{ name: 'runner' }] } };
    expect(stopped({ detail })).toMatchObject({
      cluster: 'orders',
      label: REQUEST.label,
      request: undefined,
    });
    expect(stopped({ detail: { ...detail, startedBy: 'somebody' } }).label).toBeUndefined();
  });

  it.each([
    ['no event', 'text'],
    ['one of another kind', { ...stopEvent({}), 'detail-type': 'ECS Service Action' }],
    ['one of a task that runs', stopEvent({ detail: { lastStatus: 'RUNNING' } })],
    [
      "one of another environment's task",
      stopEvent({ detail: { group: 'family:holdfast_x_backup_y' } }),
    ],
    ["one of a service's task", stopEvent({ detail: { group: 'service:web' } })],
  ])('%s is refused', (_, event) => {
    expect(() => readStoppedTask(event, 'prod')).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID' }),
    );
  });
});
