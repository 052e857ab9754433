import { describe, expect, it } from 'vitest';
import { type TaskRequest, taskRequestFor } from '../../../contract/request.ts';
import { STOP_CAUSES, type StopCause } from '../../../contract/stop-causes.ts';
import { messageFor } from '../../../functions/task-stopped/message.ts';
import { type Heard, readLastWords } from '../../../functions/task-stopped/read-last-words.ts';
import { planRetry } from '../../../functions/task-stopped/retry.ts';
import { runVerdict, type TaskStoppedAnswer } from '../../../functions/task-stopped/run.ts';
import { readSettings } from '../../../functions/task-stopped/settings.ts';
import { NOW, REQUEST, SETTINGS, type Stop, stopped, TASK_DEFINITION_ARN } from './example-stop.ts';

const PASSES: Stop = { exitCode: 21 };
const STAYS: Stop = { exitCode: 20 };

/** SNS, Scheduler and the log, each of which may fail. */
class Calls {
  readonly schedules: Parameters<Parameters<typeof runVerdict>[3]['createSchedule']>[0][] = [];
  readonly messages: { Subject?: string | undefined; Message: string | undefined }[] = [];
  readonly lines: Record<string, unknown>[] = [];
  failSchedule: Error | undefined;
  failPublish: Error | undefined;

  run(stop: Stop, settings = SETTINGS, heard: Heard = {}): Promise<TaskStoppedAnswer> {
    return runVerdict(
      stopped(stop),
      heard,
      settings,
      {
        createSchedule: async (input) => {
          this.schedules.push(input);
          if (this.failSchedule !== undefined) throw this.failSchedule;
        },
        publish: async ({ Subject, Message }) => {
          if (this.failPublish !== undefined) throw this.failPublish;
          this.messages.push({ Subject, Message });
        },
        writeLine: (line) => this.lines.push(JSON.parse(line) as Record<string, unknown>),
      },
      NOW,
    );
  }
}

function named(name: string): Error {
  return Object.assign(new Error('said no'), { name });
}

function attempt(number: number): TaskRequest {
  return { ...REQUEST, attempt: number };
}

it('a base backup with damaged pages is told as what it is: it is there, and its server is not well', async () => {
  const calls = new Calls();
  const words = {
    code: 'SOURCE_DAMAGED',
    message: 'checksum verification failed in base/5/16385, block 3',
    hint: 'Look at the disk.',
    retryable: false,
  };
  await calls.run({ exitCode: 14 }, SETTINGS, { words: { event: 'task failed', ...words } });
  expect(calls.schedules).toEqual([]);
  expect(calls.messages).toEqual([
    {
      Subject: 'prod/orders: SERVER DAMAGED, backup published',
      Message: expect.stringMatching(/is in the vault.*base\/5\/16385, block 3/s),
    },
  ]);
});

describe('a failure that may pass', () => {
  it('is scheduled once more, for start-task, under the next label; and people are told both', async () => {
    const calls = new Calls();
    expect(await calls.run(PASSES)).toMatchObject({ retryAt: '2026-11-20T03:30:01.000Z' });
    const [schedule] = calls.schedules;
    expect(schedule).toMatchObject({
      Name: expect.stringMatching(/^retry_orders_[0-9a-f]{16}$/),
      GroupName: 'holdfast_prod',
      ScheduleExpression: 'at(2026-11-20T03:30:01)',
      ScheduleExpressionTimezone: 'UTC',
      ActionAfterCompletion: 'DELETE',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: SETTINGS.startTaskArn, RoleArn: SETTINGS.schedulerRoleArn },
    });
    const event = JSON.parse(schedule?.Target?.Input ?? '') as unknown;
    const next = taskRequestFor(event, { id: 'unused', now: NOW.toISOString() });
    expect(next).toMatchObject({ attempt: 1, askedBy: REQUEST.askedBy });
    expect(calls.messages).toEqual([
      {
        Subject: 'prod/orders: backup failed, tries again 03:30 UTC',
        Message: expect.stringContaining(
          `the next attempt starts by itself at 2026-11-20 03:30 UTC, under the label ${next.label}.`,
        ),
      },
    ]);
  });

  it('waits twice as long each time, until the limit; then the last message says so', async () => {
    const times = [0, 1, 2].map(
      (number) => planRetry(stopped({ ...PASSES, request: attempt(number) }), SETTINGS, NOW)?.at,
    );
    expect(times).toEqual([
      new Date('2026-11-20T03:30:01Z'),
      new Date('2026-11-20T03:40:01Z'),
      undefined,
    ]);
    const calls = new Calls();
    await calls.run({ ...PASSES, request: attempt(2) });
    expect(calls.schedules).toEqual([]);
    expect(calls.messages).toEqual([
      {
        Subject: 'prod/orders: BACKUP FAILED (RUNNER_FAILED)',
        Message: expect.stringMatching(/Attempt: 3 of 3\n[\s\S]*all 3 attempts have failed/),
      },
    ]);
  });

  it('is not tried again where the environment wants no retries', async () => {
    const calls = new Calls();
    await calls.run(PASSES, { ...SETTINGS, maxRetries: 0 });
    expect(calls.schedules).toEqual([]);
    expect(calls.messages[0]?.Message).toContain('retries are switched off (maxRetries)');
  });

  it('is not tried again when nobody knows what was asked for', async () => {
    const calls = new Calls();
    await calls.run({ ...PASSES, detail: { overrides: {} } });
    expect(calls.schedules).toEqual([]);
    expect(calls.messages[0]?.Message).toContain('does not tell what was asked for');
  });

  it('is not tried again for another cluster than its own, whatever its overrides say', async () => {
    const calls = new Calls();
    const detail = { group: 'family:holdfast_prod_backup_billing' };
    expect(await calls.run({ ...PASSES, detail })).toMatchObject({ cluster: 'billing' });
    expect(calls.schedules).toEqual([]);
    expect(calls.lines).toMatchObject([{ Cluster: 'billing', Kind: 'unknown', BackupsRetried: 0 }]);
    expect(calls.messages).toEqual([
      {
        Subject: 'prod/billing: BACKUP FAILED (RUNNER_FAILED)',
        Message: expect.not.stringContaining('orders'),
      },
    ]);
  });

  it('whose event comes hours late is tried again in two minutes', () => {
    const late = new Date('2026-11-20T09:00:00Z');
    expect(planRetry(stopped(PASSES), SETTINGS, late)?.at).toEqual(
      new Date('2026-11-20T09:02:00Z'),
    );
  });

  it('that is told twice makes one schedule: its name and time are the same, and a conflict is none', async () => {
    const calls = new Calls();
    await calls.run(PASSES);
    calls.failSchedule = named('ConflictException');
    expect(await calls.run(PASSES)).toMatchObject({ retryAt: '2026-11-20T03:30:01.000Z' });
    const [first, second] = calls.schedules;
    expect(second).toEqual(first);
  });

  it('of the longest names fits what Scheduler takes', () => {
    const cluster = 'c'.repeat(40);
    const detail = { group: `family:holdfast_prod_backup_${cluster}` };
    const request = { ...REQUEST, cluster };
    const { name = '' } = planRetry(stopped({ ...PASSES, request, detail }), SETTINGS, NOW) ?? {};
    expect(name).toMatch(/^[0-9a-zA-Z-_.]{1,64}$/);
  });
});

describe('a failure that stays', () => {
  it('is not tried again, and the message says what to do and how to start it by hand', async () => {
    const calls = new Calls();
    await calls.run(STAYS);
    expect(calls.schedules).toEqual([]);
    const [message] = calls.messages;
    expect(message?.Message).toContain('may be VAULT_DENIED: S3 or KMS refused');
    expect(message?.Message).toContain('It is not tried again, because it would fail again.');
    expect(message?.Message).toContain('Log stream in CloudWatch: orders/runner/c13b4cb40f1f4fe4');
    expect(message?.Message).toContain(
      `--function-name holdfast_prod_start-task --cli-binary-format raw-in-base64-out --payload '{"action":"backup","cluster":"orders","kind":"logical"}'`,
    );
  });
});

describe("the runner's last words", () => {
  const WORDS = {
    event: 'task failed',
    code: 'SOURCE_LAGGING',
    message: 'The replica is 900 s behind; 300 are allowed.',
    hint: 'Raise maxReplayLagSeconds, or wait.',
    retryable: true,
  } as const;
  const LINE = JSON.stringify({ time: 'now', level: 'error', ...WORDS, exit: 11 });

  function listen(stop: Stop, lines: () => string[]): { asked: string[]; heard: Promise<Heard> } {
    const asked: string[] = [];
    const options = { 'awslogs-group': 'log-of-orders', 'awslogs-stream-prefix': 'orders' };
    const heard = readLastWords(stopped(stop), {
      taskDefinition: async (arn) => {
        asked.push(arn);
        const logConfiguration = { logDriver: 'awslogs', options } as const;
        return { containerDefinitions: [{ name: 'runner', logConfiguration }] };
      },
      lastLines: async (group, stream) => {
        asked.push(group, stream);
        return lines();
      },
    });
    return { asked, heard };
  }

  it('are read from the log that its task definition names, and are what people are told', async () => {
    const { asked, heard } = listen({ exitCode: 11 }, () => ['{"event":"progress"}', LINE, 'end']);
    expect(await heard).toEqual({ words: WORDS });
    expect(asked).toEqual([TASK_DEFINITION_ARN, 'log-of-orders', 'orders/runner/c13b4cb40f1f4fe4']);
    const calls = new Calls();
    await calls.run({ exitCode: 11 }, { ...SETTINGS, maxRetries: 0 }, await heard);
    expect(calls.messages[0]?.Message).toContain(
      `The runner said: SOURCE_LAGGING: ${WORDS.message}`,
    );
    expect(calls.messages[0]?.Message).toContain(WORDS.hint);
    expect(calls.messages[0]?.Message).not.toContain('may be');
  });

  it('decide whether it is tried again, where the exit status leaves it open', async () => {
    const calls = new Calls();
    const words = { ...WORDS, code: 'SOURCE_VERSION', retryable: false };
    await calls.run({ exitCode: 11 }, SETTINGS, { words });
    expect(calls.schedules).toEqual([]);
    await calls.run({ exitCode: 11 });
    expect(calls.schedules).toHaveLength(1);
  });

  it.each([
    ['nothing like it', ['{"event":"progress"}']],
    ['another line that quotes it', ['pg_dump: task failed', '{"event":"x","note":"task failed"}']],
  ])('are none where the log has %s', async (_, lines) => {
    expect(await listen({ exitCode: 11 }, () => lines).heard).toEqual({});
  });

  it('that cannot be read are told to be so, and the rest is told', async () => {
    const { heard } = listen({ exitCode: 11 }, () => {
      throw named('AccessDeniedException');
    });
    expect(await heard).toEqual({ notHeard: 'AccessDeniedException: said no' });
    const calls = new Calls();
    await calls.run({ exitCode: 11 }, SETTINGS, await heard);
    expect(calls.messages[0]?.Message).toContain(
      'Its log could not be read: AccessDeniedException: said no',
    );
  });

  it('are not asked for of a task that succeeded, or never started', async () => {
    for (const stop of [{ exitCode: 0 }, { stopCode: 'TaskFailedToStart' }]) {
      const { asked, heard } = listen(stop, () => [LINE]);
      expect(await heard).toEqual({});
      expect(asked).toEqual([]);
    }
  });
});

describe('a success', () => {
  it('at the first attempt is measured, and nobody is woken', async () => {
    const calls = new Calls();
    expect(await calls.run({ exitCode: 0 })).toMatchObject({ told: false });
    expect(calls.messages).toEqual([]);
    expect(calls.lines).toMatchObject([{ BackupsSucceeded: 1, BackupsFailed: 0 }]);
  });

  it('after a failure is told, so that nobody gets up', async () => {
    const calls = new Calls();
    await calls.run({ exitCode: 0, request: attempt(1) });
    expect(calls.messages).toEqual([
      {
        Subject: 'prod/orders: backup succeeded at attempt 2',
        Message: expect.stringContaining('WHAT TO DO\nNothing.'),
      },
    ]);
  });
});

describe('what cannot be told', () => {
  it('to SNS fails the function, after the next attempt was scheduled', async () => {
    const calls = new Calls();
    calls.failPublish = named('AuthorizationErrorException');
    await expect(calls.run(PASSES)).rejects.toMatchObject({
      code: 'NOT_TOLD',
      retryable: true,
      message: expect.stringMatching(
        /SNS did not take "prod\/orders: .*": Authorization\S+ said no/,
      ),
    });
    expect(calls.schedules).toHaveLength(1);
    expect(calls.lines).toHaveLength(1);
  });

  it('to Scheduler is told to people, who have to do it themselves, and fails the function', async () => {
    const calls = new Calls();
    calls.failSchedule = named('AccessDeniedException');
    await expect(calls.run(PASSES)).rejects.toMatchObject({ code: 'NOT_TOLD' });
    expect(calls.messages).toEqual([
      {
        Subject: 'prod/orders: BACKUP FAILED (RUNNER_FAILED)',
        Message: expect.stringContaining(
          'The next attempt could not be scheduled (AccessDeniedException: said no), so do it yourself.',
        ),
      },
    ]);
  });
});

it('writes one line that CloudWatch makes metrics of', async () => {
  const calls = new Calls();
  await calls.run(PASSES);
  expect(calls.lines).toEqual([
    {
      _aws: {
        Timestamp: NOW.getTime(),
        CloudWatchMetrics: [
          {
            Namespace: 'Holdfast',
            Dimensions: [['Environment', 'Cluster', 'Kind']],
            Metrics: [
              { Name: 'BackupsSucceeded', Unit: 'Count' },
              { Name: 'BackupsFailed', Unit: 'Count' },
              { Name: 'BackupsRetried', Unit: 'Count' },
              { Name: 'BackupSeconds', Unit: 'Seconds' },
            ],
          },
        ],
      },
      ...{ Environment: 'prod', Cluster: 'orders', Kind: 'logical' },
      ...{ BackupsSucceeded: 0, BackupsFailed: 1, BackupsRetried: 1, BackupSeconds: 1170.5 },
      ...{ label: REQUEST.label, taskArn: stopped({}).taskArn, exitCode: 21, attempt: 0 },
      cause: 'RUNNER_FAILED',
      codes: ['VAULT_UNAVAILABLE'],
    },
  ]);
});

it('every cause has a subject that SNS takes, with the longest names, and says what to do', () => {
  const environment = 'e'.repeat(20);
  const task = { ...stopped({ exitCode: 1 }), cluster: 'c'.repeat(40) };
  for (const cause of Object.keys(STOP_CAUSES) as StopCause[]) {
    const verdict = { succeeded: false, cause, codes: [], retryable: false } as const;
    const names = { environment, maxRetries: 2 };
    const message = messageFor({ task, verdict, heard: {}, retry: { kind: 'none' } }, names);
    expect(message?.subject).toMatch(/^[!-~][ -~]{0,98}$/);
    expect(message?.subject).toContain('BACKUP FAILED');
    expect(message?.body).toContain(STOP_CAUSES[cause].next);
  }
});

it('names the variable that is missing, or no number', () => {
  const variables = {
    HOLDFAST_ENVIRONMENT: 'prod',
    HOLDFAST_TOPIC_ARN: SETTINGS.topicArn,
    HOLDFAST_START_TASK_ARN: SETTINGS.startTaskArn,
    HOLDFAST_SCHEDULE_GROUP: SETTINGS.scheduleGroup,
    HOLDFAST_SCHEDULER_ROLE_ARN: SETTINGS.schedulerRoleArn,
    HOLDFAST_MAX_RETRIES: '2',
    HOLDFAST_RETRY_AFTER_MINUTES: '10',
  };
  expect(readSettings(variables)).toEqual(SETTINGS);
  expect(() => readSettings({ ...variables, HOLDFAST_MAX_RETRIES: 'two' })).toThrow(
    'HOLDFAST_MAX_RETRIES is "two", which is no whole number',
  );
  expect(() => readSettings({ ...variables, HOLDFAST_TOPIC_ARN: '' })).toThrow(
    'HOLDFAST_TOPIC_ARN',
  );
});
