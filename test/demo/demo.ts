/**
 * `npm run demo`: Holdfast's main job against the local cloud, told in plain words: a dump and its
 * restore, then base backups with WAL and a point in time. Ends with exit status 0 only if the data
 * came back equal both times and the delete was refused.
 * `npm run demo -- --keep` leaves everything running afterwards, until Ctrl-C.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { type LocalCloud, startLocalCloud } from '../local-cloud/local-cloud.ts';
import { lookAround } from '../local-cloud/look-around.ts';
import { contentsOf, createShop } from '../local-cloud/shop.ts';
import { demoOptions } from './demo-options.ts';
import { tellPointInTime } from './point-in-time.ts';
import { chapter, fail, say, show, took } from './story.ts';

const options = demoOptions(process.argv.slice(2));
if ('help' in options) {
  console.log(options.help);
  process.exit(0);
}
if ('wrong' in options) {
  console.error(options.wrong);
  process.exit(2);
}

chapter('The cloud on this machine');
say('PostgreSQL with a standby, an S3 with Object Lock, and what `cdk synth` wrote, deployed.');
execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build.ts', import.meta.url))]);
const cloud = await startLocalCloud({ environment: 'demo', log: (line) => say(`  ${line}`) });
try {
  const before = await fillShop(cloud);
  const label = await backUp(cloud);
  await look(cloud, label);
  await tryToDelete(cloud, label);
  await loseATable(cloud);
  await restore(cloud, label);
  await compare(cloud, before);
  say(`\nUp to here it took ${took()}.`);
  const psql = await tellPointInTime(cloud);
  say(`\nAll of it took ${took()}.`);
  if (options.keep) {
    say(`\nThe restored server, until Ctrl-C: ${psql}`);
    say(lookAround(cloud));
    // The servers are processes of their own: something has to keep this one alive.
    await new Promise(() => setInterval(() => undefined, 1 << 30));
  }
} catch (error) {
  say(`\nThe demo failed: ${(error as Error).message}`);
  process.exitCode = 1;
  if (options.keep) {
    say(lookAround(cloud));
    await new Promise(() => setInterval(() => undefined, 1 << 30));
  }
} finally {
  await cloud.stop();
}

async function fillShop({ primary, standby }: LocalCloud): Promise<string[]> {
  chapter('A shop');
  await createShop(primary);
  await standby.waitForReplay();
  const before = await contentsOf(primary, 'shop');
  const { rows } = await primary.query('select count(*) from "Order"', { database: 'shop' });
  say(`The database "shop" has ${rows[0].count} orders, on the primary and on its standby.`);
  return before;
}

async function backUp({ fireSchedule, waitForTask }: LocalCloud): Promise<string> {
  chapter('Three in the morning');
  say('EventBridge Scheduler fires. Its event starts the function start-task, which starts a');
  say('container; that dumps from the standby, encrypts, and uploads while the dump is written.');
  const { payload, failed } = await fireSchedule('orders', 'daily');
  if (failed) fail('start-task answered with an error', payload);
  const { label, taskArn } = StartTaskAnswer.parse(payload);
  say(`start-task answered: backup ${label}`);
  const end = await waitForTask(taskArn, { timeoutSeconds: 180 });
  if (end.exitCode !== 0) {
    fail(`the task ended with exit status ${end.exitCode}`, readFileSync(end.logFile, 'utf8'));
  }
  say('The task ended with exit status 0.');
  return label;
}

async function look({ holdfast }: LocalCloud, label: string): Promise<void> {
  chapter('What lies in the vault');
  const { stdout, stderr, exitCode } = await holdfast(['show', label, '--cluster', 'orders']);
  if (exitCode !== 0) fail('holdfast show failed', stderr);
  show(`holdfast show ${label} --cluster orders`, stdout);
}

async function tryToDelete(cloud: LocalCloud, label: string): Promise<void> {
  chapter('An attacker with administrator rights');
  const { stdout } = await cloud.holdfast(['show', label, '--cluster', 'orders', '--json']);
  const { artifacts } = (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest;
  for (const { key, versionId } of artifacts) {
    const refusal = await cloud.s3
      .send(
        new DeleteObjectCommand({
          Bucket: cloud.bucket,
          Key: key,
          VersionId: versionId,
          BypassGovernanceRetention: true,
        }),
      )
      .then(
        () => undefined,
        (error: Error) => error,
      );
    if (refusal === undefined) fail(`${key} was deleted`, 'Object Lock did not hold');
    else say(`delete ${key}\n  refused: ${refusal.message}`);
  }
}

async function loseATable({ primary }: LocalCloud): Promise<void> {
  chapter('A bad afternoon');
  await primary.query('drop table "Order" cascade', { database: 'shop' });
  say('Somebody ran: drop table "Order" cascade');
}

async function restore({ holdfast, primary }: LocalCloud, label: string): Promise<void> {
  chapter('One line');
  const args = [
    'restore',
    '--cluster',
    'orders',
    '--label',
    label,
    '--database',
    'shop',
    '--replace',
  ];
  const { stdout, stderr, exitCode } = await holdfast(args, {
    env: { HOLDFAST_RESTORE_URI: primary.uri },
  });
  show(`holdfast ${args.join(' ')}`, stdout);
  if (exitCode !== 0) fail(`the restore ended with exit status ${exitCode}`, stderr);
}

async function compare({ primary }: LocalCloud, before: readonly string[]): Promise<void> {
  chapter('Is it all back?');
  const after = await contentsOf(primary, 'shop');
  const different = before.findIndex((line, index) => line !== after[index]);
  if (after.length !== before.length || different !== -1) {
    fail('the data differs', { before: before[different], after: after[different] });
  }
  say(`Compared row by row with before the loss: ${after.length} rows and definitions, all equal.`);
}
