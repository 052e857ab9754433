import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { terminated } from '../../../cli/print-error.ts';
import type { PhysicalRestoreRequest } from '../../../containers/runner/restore-physical/physical-restore-request.ts';
import { QUARANTINE } from '../../../containers/runner/restore-physical/quarantine.ts';
import { recoverServer } from '../../../containers/runner/restore-physical/recover-server.ts';
import type {
  RecoveryTarget,
  TargetAction,
} from '../../../containers/runner/restore-physical/recovery-target.ts';
import { ServerProcess } from '../../../containers/runner/restore-physical/server-process.ts';
import type { ServerPrograms } from '../../../containers/runner/restore-physical/server-programs.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'recover-test-'));
  await mkdir(join(directory, QUARANTINE));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Its last words, and that it then runs until it is told to end. */
const RUNS = "trap 'exit 0' INT\nwhile :; do sleep 0.05; done\n";
/** A server of which WAL ends before any target, as after the backup of one that nobody writes to. */
const IDLE = `if [ -f "$2/standby.signal" ]; then
  echo 'LOG:  database system is ready to accept read-only connections'
  ${RUNS}fi
if grep -Eq "^recovery_target(_lsn)? *=" "$2/postgresql.auto.conf"; then
  echo "LOG:  \${REACHED:-consistent recovery state reached} at 0/3000110"
  echo 'FATAL:  recovery ended before configured recovery target was reached'
  exit 1
fi
echo 'LOG:  redo done at 0/3000110 system usage: none'
echo 'LOG:  selected new timeline ID: 2'
echo 'LOG:  database system is ready to accept connections'
${RUNS}`;
/** One that stays in recovery: it says what it has replayed only on leaving it. */
const PAUSES = `echo 'LOG:  redo in progress, elapsed time: 1.00 s, current LSN: 0/3000100'
echo 'LOG:  recovery stopping before commit of transaction 742, time 2026-11-20 03:00:00.1+00'
echo 'LOG:  pausing at the end of recovery'
${RUNS}`;

async function fakeServer(says: string): Promise<ServerPrograms> {
  const bin = join(directory, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'postgres'), `#!/bin/sh\n${says}`);
  await chmod(join(bin, 'postgres'), 0o755);
  return { directory: bin, major: 17, version: '17.12' };
}

interface Recovering {
  readonly says?: string;
  readonly action?: TargetAction;
  readonly environment?: Readonly<Record<string, string>>;
}

async function recover(
  target: RecoveryTarget,
  { says = IDLE, action = 'promote', environment = {} }: Recovering = {},
) {
  const programs = await fakeServer(says);
  const request = {
    ...{ directory, members: [], segments: [], reader: {}, environment, until: 0n },
    goal: { target, inclusive: true, timeline: 'current', action },
    signal: undefined,
  } as unknown as PhysicalRestoreRequest;
  return await recoverServer(request, {
    programs,
    settings: { max_connections: '60', restore_command: 'fetch' },
    control: { redoLsn: '0/3000028', walSegmentBytes: 16_777_216 } as never,
    describe: (recovery) => recovery as never,
  });
}

test("a backup after which nothing was written is brought to its end, which is also WAL's", async () => {
  expect(await recover({ is: 'immediate' })).toMatchObject({ state: 'promoted', timeline: 2 });
  const settings = await readFile(join(directory, 'postgresql.auto.conf'), 'utf8');
  expect(settings).toContain('max_connections');
  expect(settings).toMatch(/recovery_target_action *= *'?promote/);
});

test.each([
  ['pause', 'paused'],
  ['shutdown', 'stopped'],
] as const)(
  'at such an end a server that is to %s waits as a standby that no more WAL comes to, and is not promoted',
  async (action, state) => {
    expect(await recover({ is: 'immediate' }, { action })).toMatchObject({ state });
    expect(await readdir(directory)).not.toContain('recovery.signal');
    const settings = await readFile(join(directory, 'postgresql.auto.conf'), 'utf8');
    expect(settings).toMatch(/^restore_command *= *''$/m);
  },
);

test('nor does it wait for WAL that it would need to be consistent', async () => {
  const lacking = { action: 'pause', environment: { REACHED: 'still behind' } } as const;
  await expect(recover({ is: 'immediate' }, lacking)).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
  });
});

test('of a server that is paused nothing is told but where', async () => {
  const target = { is: 'xid', xid: '742' } as const;
  expect(await recover(target, { says: PAUSES })).toEqual({
    ...{ state: 'paused', redoneLsn: undefined, lastCommit: undefined, timeline: undefined },
    stoppedAt: 'before commit of transaction 742, time 2026-11-20 03:00:00.1+00',
  });
});

test('WAL that ends before any other target is a failure', async () => {
  await expect(recover({ is: 'lsn', lsn: '0/4000000' })).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining('recovery ended before configured recovery target'),
  });
});

test('of what a server says last that is told which is no progress, and what explains it', async () => {
  const says = ['LOG:  database system was interrupted', 'HINT:  some data might be corrupted']
    .concat(
      'FATAL:  could not connect',
      'DETAIL:  no route',
      'HINT:  look there',
      'LOG:  shut down',
    )
    .concat('HINT:  nothing to do')
    .map((line) => `echo '2026-11-20 03:00:00.000 UTC [7] ${line}'`);
  await expect(
    recover({ is: 'latest' }, { says: [...says, 'exit 1'].join('\n') }),
  ).rejects.toMatchObject({
    message: expect.stringMatching(
      /^The server ended .*: .*FATAL: {2}could not connect\n.*DETAIL: {2}no route\n.*HINT: {2}look there$/,
    ),
  });
});

test('that the command is told to end is what ends the reading of a silent server', async () => {
  const server = await ServerProcess.start(await fakeServer(RUNS), directory, {});
  const stop = new AbortController();
  const next = server.lines(stop.signal).next();
  stop.abort(terminated('SIGTERM'));
  await expect(next).rejects.toMatchObject({ code: 'TERMINATED', message: 'Ended by SIGTERM.' });
  await server.stop();
  expect(server.ended).toBeDefined();
});
