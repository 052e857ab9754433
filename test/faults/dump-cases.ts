import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import pg from 'pg';
import { expect } from 'vitest';
import { LIMITS } from '../local-cloud/platform/images.ts';
import type { FaultCase } from './choose-cases.ts';
import { type FaultCloud, logOf } from './fault-cloud.ts';

const PG_DUMP = '/usr/lib/postgresql/17/bin/pg_dump';
const FAILING = fileURLToPath(new URL('../fixtures/failing-pg-dump.sh', import.meta.url));

/** Puts a program in the place of the image's pg_dump, which then lies beside it. */
async function replacePgDump(faults: FaultCloud): Promise<void> {
  const { directory, image } = faults.cloud;
  const { stdout } = await execa(
    'podman',
    [
      ...['--runtime', 'runc', 'run', '--rm', '--network', 'none', '--pull', 'never', ...LIMITS],
      ...['--entrypoint', 'cat', image, PG_DUMP],
    ],
    { encoding: 'buffer' },
  );
  const [real, wrapper] = [join(directory, 'pg_dump'), join(directory, 'failing-pg-dump')];
  await writeFile(real, stdout);
  await copyFile(FAILING, wrapper);
  for (const file of [real, wrapper]) await chmod(file, 0o755);
  faults.giveTasks({ files: { [PG_DUMP]: wrapper, [`${PG_DUMP}.real`]: real } });
}

async function exitsWith1(faults: FaultCloud): Promise<void> {
  await replacePgDump(faults);
  const run = await faults.run();
  expect(logOf(run.end)).toContain('"trying again"');
  const failure = await faults.expectFailed(run, 'DUMP_FAILED');
  expect(failure.message).toMatch(
    /pg_dump of (bulk|postgres) ended with exit status 1: .*the last words/,
  );
}

async function waitsForLock(faults: FaultCloud): Promise<void> {
  const { primary, standby } = faults.cloud;
  const locker = new pg.Client({ connectionString: primary.uriFor({ database: 'bulk' }) });
  await locker.connect();
  try {
    await locker.query('begin; lock table two in access exclusive mode');
    await standby.waitForReplay();
    faults.giveTasks({ environment: faults.options({ stallMinutes: 0.1 }) });
    const run = await faults.run();
    await locker.query('rollback');
    const failure = await faults.expectFailed(run, 'STALLED');
    expect(failure.hint).toContain('locks');
  } finally {
    await locker.end();
  }
}

async function serverHangs(faults: FaultCloud): Promise<void> {
  const { standby } = faults.cloud;
  const { started, release } = await faults.beginLongDump({ maxDurationMinutes: 0.25 });
  const { rows } = await standby.query(
    `select string_agg(pid::text, ' ') as pids from pg_stat_activity
      where datname = 'bulk' and backend_type = 'client backend'`,
  );
  const { pids } = rows[0] as { pids: string };
  const signal = (name: string) => standby.exec(['sh', '-c', `kill -${name} ${pids} || true`]);
  await signal('STOP');
  try {
    release();
    const end = await faults.finish(started);
    await signal('CONT');
    const failure = await faults.expectFailed({ started, end }, 'DEADLINE_EXCEEDED');
    expect(failure.message).toContain('0.25 minutes');
  } finally {
    await signal('CONT');
  }
}

async function droppedInMidDump(faults: FaultCloud): Promise<void> {
  const { primary, standby } = faults.cloud;
  await primary.query('create database doomed template bulk');
  const drop = () => primary.query('drop database if exists doomed with (force)');
  let run: Awaited<ReturnType<FaultCloud['beginLongDump']>>;
  try {
    await standby.waitForReplay();
    run = await faults.beginLongDump({}, 'doomed');
  } finally {
    await drop();
  }
  // It replays that only once the dump goes on: a session that waits for its client does not end.
  const { rows } = await primary.query('select pg_current_wal_lsn()::text as lsn');
  const { lsn } = rows[0] as { lsn: string };
  await faults.waitFor(async () => {
    const received = await standby.query(`select pg_last_wal_receive_lsn() >= '${lsn}' as there`);
    return (received.rows[0] as { there: boolean }).there;
  }, 'the standby to have what drops the database');
  const { started, release } = run;
  release();
  const end = await faults.finish(started);
  await faults.expectPublished({ started, end });
  const { attempts, databases } = await faults.manifestOf(started.label);
  expect(attempts).toBe(2);
  expect(databases.map(({ name }) => name)).toEqual(['bulk', 'postgres']);
}

async function vanishes(faults: FaultCloud): Promise<void> {
  const { primary, standby } = faults.cloud;
  await primary.query('create database vanishing');
  await standby.waitForReplay();
  const { started, release } = await faults.beginAndHold(/globals/);
  await primary.query('drop database vanishing');
  await standby.waitForReplay();
  release();
  const end = await faults.finish(started);
  await faults.expectPublished({ started, end });
  expect(logOf(end)).toMatch(/"trying again".*SOURCE_CHANGED.*The database vanishing has gone/);
  const { attempts, databases } = await faults.manifestOf(started.label);
  expect(attempts).toBe(2);
  expect(databases.map(({ name }) => name)).toEqual(['bulk', 'postgres']);
}

/** @param attempts the primary's end does not concern a dump from its standby. */
async function crash(
  faults: FaultCloud,
  server: 'primary' | 'standby',
  attempts: number,
): Promise<void> {
  const { started, release } = await faults.beginLongDump();
  await faults.cloud[server].crash();
  release();
  const end = await faults.finish(started);
  await faults.expectPublished({ started, end });
  const manifest = await faults.manifestOf(started.label);
  expect(manifest.source.role).toBe('replica');
  expect(manifest.attempts).toBe(attempts);
  await faults.cloud.standby.waitForReplay();
}

export const DUMP_CASES: readonly FaultCase[] = [
  {
    name: 'a pg_dump that writes everything and exits with 1 is a failure, also at the second try',
    run: exitsWith1,
  },
  { name: 'a dump that waits for a lock is ended as stalled', run: waitsForLock },
  { name: 'a dump whose server hangs is ended when the run has taken too long', run: serverHangs },
  {
    name: 'a database dropped in mid-dump is not in the backup, which the second try takes',
    run: droppedInMidDump,
  },
  {
    name: 'a database that vanishes between listing and dump makes the run list anew',
    run: vanishes,
  },
  {
    name: 'a standby killed in mid-dump and started again serves the second try',
    run: (faults) => crash(faults, 'standby', 2),
  },
  {
    name: 'a primary killed in mid-dump does not disturb the dump of its standby',
    run: (faults) => crash(faults, 'primary', 1),
  },
];
