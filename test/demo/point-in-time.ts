import type { RecoverySummary } from '../../cli/cluster-recovery.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { parseLsn } from '../../contract/wal-segments.ts';
import { backUpBase, type Moment, rememberMoment, untilArchived } from '../local-cloud/accident.ts';
import type { LocalCloud } from '../local-cloud/local-cloud.ts';
import {
  type RestoredServer,
  type RestoreMachine,
  ROOM,
  startRestoreMachine,
} from '../local-cloud/restore-machine.ts';
import { contentsOf } from '../local-cloud/shop.ts';
import { chapter, fail, say, show } from './story.ts';

const CLUSTER = 'orders';

/**
 * The second half: base backups and WAL, an accident, and the server as it was a second before.
 *
 * @returns how to look into the restored server, which stays up until the cloud is stopped.
 */
export async function tellPointInTime(cloud: LocalCloud): Promise<string> {
  await followWal(cloud);
  const label = await takeBases(cloud);
  const moment = await haveAnAccident(cloud);
  await lookBack(cloud, label, moment);
  const machine = await startRestoreMachine(cloud, { cluster: CLUSTER, major: 17 });
  const server = await goBack(machine, moment);
  await compareWithThen(cloud, server, moment);
  return `podman exec -it ${machine.container} psql -h /tmp -p ${server.port} -U postgres shop`;
}

async function followWal({ primary, streamer }: LocalCloud): Promise<void> {
  chapter('Every second of the day');
  await streamer(CLUSTER).waitForLine(({ event }) => event === 'streaming');
  say(
    "All the while the streamer has been receiving the primary's WAL, its log of every change. It puts",
  );
  say(
    'that into the vault as it is written, and tells the server that it has what S3 has, and no more:',
  );
  await untilArchived(primary);
  const { rows } = await primary.query(
    `select application_name as name, flush_lsn::text as lsn from pg_stat_replication
      where application_name like 'holdfast%'`,
  );
  const [{ name, lsn }] = rows as [{ name: string; lsn: string }];
  say(`  ${name}: in the vault up to ${lsn}`);
}

async function takeBases(cloud: LocalCloud): Promise<string> {
  chapter('What WAL is replayed upon');
  say(
    'On Sundays a full base backup of the whole server, every hour what has changed since the last.',
  );
  // Else an incremental one waits for the next checkpoint, which may be minutes away.
  await cloud.primary.query('grant pg_checkpoint to holdfast');
  const full = await takeBase(cloud, 'weekly', 'full');
  await placeOrders(cloud, 'in the morning');
  const incremental = await takeBase(cloud, 'hourly', 'incremental');
  if (incremental.chain.join() !== full.label) {
    fail('the incremental backup does not rest on the full one', incremental.chain);
  }
  return incremental.label;
}

async function takeBase(
  cloud: LocalCloud,
  schedule: string,
  expected: PhysicalManifest['type'],
): Promise<PhysicalManifest> {
  const manifest = await backUpBase(cloud, CLUSTER, schedule);
  if (manifest.type !== expected) fail(`no ${expected} backup was taken`, manifest.warnings);
  const mebibytes = manifest.artifacts.reduce((sum, { cipher }) => sum + cipher.bytes, 0) / 2 ** 20;
  say(`${manifest.label}: ${manifest.type}, ${mebibytes.toFixed(1)} MiB in the vault`);
  return manifest;
}

async function placeOrders({ primary }: LocalCloud, note: string): Promise<void> {
  await primary.query(
    `insert into "Order" (customer_id, placed_at, total, note)
       select 1 + i, now(), i, '${note}' from generate_series(1, 1000) i`,
    { database: 'shop' },
  );
}

async function haveAnAccident(cloud: LocalCloud): Promise<Moment> {
  const { primary } = cloud;
  chapter('A worse afternoon');
  await placeOrders(cloud, 'after the last backup of any kind');
  const moment = await rememberMoment(primary);
  say(`${moment.time}: 1000 orders have come since the last backup of any kind.`);
  await primary.query('drop table "Order" cascade', { database: 'shop' });
  say('One second later somebody ran: drop table "Order" cascade');
  await primary.query(`insert into customer (name, since) values ('Too late', '2026-01-01')`, {
    database: 'shop',
  });
  say('The shop went on: a customer came after that.');
  await untilArchived(primary);
  return moment;
}

async function lookBack(cloud: LocalCloud, label: string, { time, lsn }: Moment): Promise<void> {
  chapter('How far back?');
  const shown = await cloud.holdfast(['show', label, '--cluster', CLUSTER]);
  if (shown.exitCode !== 0) fail('holdfast show failed', shown.stderr);
  const facts = /^(Backup|Kind|Rests on|WAL needed|Restorable to|Source):.*$/gm;
  show(
    `holdfast show ${label} --cluster ${CLUSTER}    # of which`,
    (shown.stdout.match(facts) ?? []).join('\n'),
  );
  const args = ['list', '--cluster', CLUSTER, '--kind', 'physical'];
  const { stdout, stderr, exitCode } = await cloud.holdfast(args);
  if (exitCode !== 0) fail('holdfast list failed', stderr);
  show(`holdfast ${args.join(' ')}    # of which`, stdout.slice(stdout.lastIndexOf('\n\n') + 2));
  const { recovery } = JSON.parse((await cloud.holdfast([...args, '--json'])).stdout)
    .clusters[0] as { readonly recovery: RecoverySummary };
  const [span, ...others] = recovery.spans;
  const isReached =
    span !== undefined &&
    Date.parse(span.from.at) < Date.parse(time) &&
    parseLsn(span.to.lsn) >= parseLsn(lsn);
  if (!isReached || others.length + recovery.gaps.length > 0) {
    fail(`the vault does not lead to ${time}, ${lsn}`, recovery);
  }
}

async function goBack(machine: RestoreMachine, { time }: Moment): Promise<RestoredServer> {
  chapter('One line again');
  const directory = `${ROOM}/before-the-accident`;
  const args = [
    ...['restore', '--kind', 'physical', '--cluster', CLUSTER],
    ...['--directory', directory, '--target-time', time],
  ];
  const { stdout, stderr, exitCode } = await machine.holdfast(args);
  show(`holdfast ${args.map((arg) => (arg === time ? `'${arg}'` : arg)).join(' ')}`, stdout);
  if (exitCode !== 0) fail(`the restore ended with exit status ${exitCode}`, stderr);
  return await machine.start(directory);
}

async function compareWithThen(
  { primary }: LocalCloud,
  server: RestoredServer,
  { contents, time }: Moment,
): Promise<void> {
  chapter('Is it that second?');
  const found = await contentsOf(server, 'shop');
  const different = contents.findIndex((line, index) => line !== found[index]);
  if (found.length !== contents.length || different !== -1) {
    fail('the data differs', { before: contents[different], after: found[different] });
  }
  say(`Compared row by row with ${time}: ${found.length} rows and definitions, all equal.`);
  const { rows } = await primary.query(
    `select to_regclass('"Order"') is null as lost, count(*)::int as late from customer where name = 'Too late'`,
    { database: 'shop' },
  );
  const [{ lost, late }] = rows as [{ lost: boolean; late: number }];
  if (!lost || late !== 1) fail('the server that is in use was changed', rows);
  say('The restored server stands beside the one in use, which nobody touched, in quarantine: it');
  say('archives nothing, follows nobody, and listens on loopback only.');
}
