import { readFileSync } from 'node:fs';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { keepCommitting } from './churn.ts';
import type { LocalCloud } from './local-cloud.ts';
import type { PostgresServer } from './servers/postgres.ts';
import { waitUntil } from './servers/wait-until.ts';
import { contentsOf, createShop } from './shop.ts';

/** When a shop was last well. */
export interface Moment {
  /** What was there. */
  readonly contents: readonly string[];
  /** As PostgreSQL writes it. */
  readonly time: string;
  /** Position in the WAL. */
  readonly lsn: string;
}

/** A shop that lost a table, with all that was written before and after in the vault. */
export interface Accident extends Moment {
  /** Oldest first. */
  readonly backups: readonly PhysicalManifest[];
}

/** Name of the restore point that was made right before. */
export const RESTORE_POINT = 'before the accident';

export interface AccidentOptions {
  readonly cluster: string;
  readonly primary: PostgresServer;
  /** Names of schedules, each fired once, in this order. */
  readonly schedules: readonly string[];
}

/**
 * Backs a shop up while rows are committed and its WAL is streamed, loses a table, and goes on. Returns
 * once the vault has all of it.
 */
export async function haveAccident(cloud: LocalCloud, options: AccidentOptions): Promise<Accident> {
  const { cluster, primary, schedules } = options;
  await createShop(primary);
  await primary.query('create table ledger (id bigint primary key, note text)', {
    database: 'shop',
  });
  await cloud.streamer(cluster).waitForLine(({ event }) => event === 'streaming');
  const stop = keepCommitting(primary, 'shop', 'ledger');
  const backups: PhysicalManifest[] = [];
  let scheduled = Date.now() - 60 * 60 * 1000;
  for (const schedule of schedules) {
    // Labels sort by it.
    scheduled += 60_000;
    backups.push(await backUpBase(cloud, cluster, schedule, new Date(scheduled)));
  }
  await stop();
  // What is open from here on has few increments, each of which a restore by hand fetches by itself.
  await primary.query('select pg_switch_wal()');
  const moment = await rememberMoment(primary);
  await primary.query('drop table "Order" cascade', { database: 'shop' });
  // So that something comes after it, which recovery has to leave out.
  await primary.query('insert into ledger values (-1, $$after the accident$$)', {
    database: 'shop',
  });
  await untilArchived(primary);
  return { backups, ...moment };
}

/** Fires a schedule of base backups, and waits for what comes of it. @throws Error with the task's log */
export async function backUpBase(
  cloud: LocalCloud,
  cluster: string,
  schedule: string,
  scheduledTime = new Date(),
): Promise<PhysicalManifest> {
  const { payload } = await cloud.fireSchedule(cluster, schedule, scheduledTime);
  const { taskArn, label } = StartTaskAnswer.parse(payload);
  const { exitCode, logFile } = await cloud.waitForTask(taskArn, { timeoutSeconds: 180 });
  if (exitCode !== 0) throw new Error(`${label}: ${readFileSync(logFile, 'utf8')}`);
  const { stdout } = await cloud.holdfast(['show', label, '--cluster', cluster, '--json']);
  return (JSON.parse(stdout) as { manifest: PhysicalManifest }).manifest;
}

/** All that is in the shop, at a moment with nothing in the second before and the one after it. */
export async function rememberMoment(primary: PostgresServer): Promise<Moment> {
  const pause = 'select pg_sleep(1)';
  const contents = await contentsOf(primary, 'shop');
  await primary.query(`select pg_create_restore_point('${RESTORE_POINT}')`);
  await primary.query(pause);
  const { rows } = await primary.query(
    'select clock_timestamp()::text as time, pg_current_wal_insert_lsn()::text as lsn',
  );
  const [{ time, lsn }] = rows as [{ time: string; lsn: string }];
  await primary.query(pause);
  return { contents, time, lsn };
}

/** Until the streamer has told the server that all it has is in the vault. */
export async function untilArchived(primary: PostgresServer): Promise<void> {
  const { rows } = await primary.query('select pg_current_wal_flush_lsn()::text as lsn');
  const [{ lsn }] = rows as [{ lsn: string }];
  const told = `select 1 from pg_stat_replication
    where application_name like 'holdfast%' and flush_lsn >= '${lsn}'`;
  await waitUntil(async () => (await primary.query(told)).rows.length > 0, {
    what: `the vault to hold ${lsn}`,
    timeoutMs: 60_000,
  });
}
