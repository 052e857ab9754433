import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { parseTargetUri, whereabouts } from '../containers/runner/restore/target-connection.ts';
import { defaultStaging } from '../containers/runner/restore-physical/combine-chain.ts';
import type { PhysicalRestoreResult } from '../containers/runner/restore-physical/physical-restore-request.ts';
import {
  planRecovery,
  type RecoveryPlan,
} from '../containers/runner/restore-physical/plan-recovery.ts';
import {
  describeTarget,
  type RecoveryGoal,
} from '../containers/runner/restore-physical/recovery-target.ts';
import { restorePhysical } from '../containers/runner/restore-physical/restore-physical.ts';
import { findServerPrograms } from '../containers/runner/restore-physical/server-programs.ts';
import { parseLabel } from '../contract/label.ts';
import { manifestOfKind } from '../contract/manifest.ts';
import { formatLsn } from '../contract/wal-segments.ts';
import { type CatalogEntry, listBackups, readManifest } from '../vault/catalog.ts';
import type { WalReader } from '../vault/wal/fetch-wal.ts';
import { describePhysicalRestore, describeServerUp } from './describe-restore-physical.ts';
import type { Io } from './io.ts';
import { findKnownBackup } from './known-backup.ts';
import { directoryOf, goalOf, type PhysicalRestoreOptions } from './physical-options.ts';
import { createProgressDisplay } from './progress.ts';
import { physicalOf, readBackups } from './read-backups.ts';
import { findTargetUri, PASSWORD_VARIABLE, RESTORE_URI_VARIABLE } from './target-uri.ts';
import type { RestoreOptions } from './what-to-restore.ts';

/** `holdfast restore --kind physical` */
export async function restorePhysicalBackup(
  options: RestoreOptions & PhysicalRestoreOptions,
  io: Io,
): Promise<void> {
  const asked = goalOf(options);
  const directory = directoryOf(options);
  const { environment, cluster } = options;
  const { standby, slot, toFile, ca } = options;
  const primary =
    standby === undefined
      ? undefined
      : {
          server: parseTargetUri(
            await findTargetUri(
              { to: standby === true ? undefined : standby, toFile },
              io,
              '--standby',
            ),
            ca,
            io.env[PASSWORD_VARIABLE],
          ),
          slot,
        };
  const opening = io.services.dataKeysFor(environment, cluster);
  // Awaited only once it is sure that there is such a cluster.
  opening.catch(() => {});
  const vault = await io.services.openVault(environment);
  const entry = await findKnownBackup(vault, { ...options, kind: 'physical' }, io);
  const dataKeys = await opening;
  const reader = { vault, dataKeys, cluster, signal: io.signal };
  const { members, goal, reach, endsAtGap, segments, warnings } = await planOf(
    reader,
    asked,
    options,
    entry,
    io,
  );
  const display = createProgressDisplay(io);
  const keepRunning = options.keepRunning || goal.action === 'pause';
  io.stderr.write(
    `Restoring ${cluster}, ${members.at(-1)?.label}, into ${directory}, ${primary === undefined ? `up to ${describeTarget(asked.target)}` : `as a standby of ${whereabouts(primary.server)}`}.\n`,
  );
  let result: PhysicalRestoreResult;
  try {
    result = await restorePhysical({
      reader: { vault, dataKeys },
      members,
      directory,
      tablespaces: options.tablespaceMapping ?? new Map(),
      staging: options.staging === undefined ? defaultStaging(directory) : resolve(options.staging),
      goal,
      primary,
      until: reach,
      segments,
      warnings,
      port: options.port ?? (await freePort()),
      pgBin: options.pgBin,
      walFetch: [
        ...io.command,
        'wal-fetch',
        ...['--environment', environment, '--cluster', cluster],
        // Without a target it would take a gap for the end, and promote.
        ...(endsAtGap && primary === undefined ? ['--until', formatLsn(reach)] : []),
      ],
      // The password of another server is none of the restored one's business.
      environment: { ...io.env, [RESTORE_URI_VARIABLE]: undefined },
      signal: io.signal,
      onProgress: (progress) => display.report(progress),
      ...(keepRunning && {
        whileRunning: async (running) => {
          display.end();
          io.stderr.write(describeServerUp(running));
          if (!io.signal.aborted) await once(io.signal, 'abort');
        },
      }),
    });
  } finally {
    display.end();
  }
  io.stdout.write(
    options.json
      ? `${JSON.stringify({ cluster, ...result }, null, 2)}\n`
      : describePhysicalRestore(result),
  );
}

/** From which backup the target is reached: all are looked at, but for those that cannot be read. */
async function planOf(
  reader: WalReader,
  goal: RecoveryGoal,
  options: RestoreOptions & PhysicalRestoreOptions,
  entry: CatalogEntry,
  io: Io,
): Promise<RecoveryPlan> {
  const { vault, cluster } = reader;
  const { entries, warnings } = await listBackups(vault, cluster);
  const physical = entries.filter(({ label }) => parseLabel(label)?.kind === 'physical');
  const read = await readBackups(vault, physical, io);
  const problems = read.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  for (const warning of [
    ...warnings,
    ...problems,
    ...physical.flatMap((entry) => entry.warnings.map((found) => `${entry.label}: ${found}`)),
  ]) {
    io.stderr.write(`warning: ${warning}\n`);
  }
  const all = physicalOf(read, cluster);
  const named =
    all.find(({ label }) => label === entry.label) ??
    // Of those that were not named one that cannot be read is passed over, if any other is there.
    (options.label === undefined && all.length > 0
      ? undefined
      : manifestOfKind(await readManifest(vault, entry), 'physical'));
  const newest = named ?? all.toSorted((a, b) => (a.label < b.label ? -1 : 1)).at(-1);
  const major = Number.parseInt(newest?.source.serverVersion ?? '', 10);
  const programs = await findServerPrograms(major, options.pgBin);
  return await planRecovery(
    reader,
    all,
    goal,
    options.label === undefined ? undefined : named,
    programs,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  return address.port;
}
