import { once } from 'node:events';
import { createServer } from 'node:net';
import { defaultStaging } from '../containers/runner/restore-physical/combine-chain.ts';
import type { PhysicalRestoreResult } from '../containers/runner/restore-physical/physical-restore-request.ts';
import { describeTarget } from '../containers/runner/restore-physical/recovery-target.ts';
import { restorePhysical } from '../containers/runner/restore-physical/restore-physical.ts';
import { manifestOfKind } from '../contract/manifest.ts';
import type { PhysicalManifest } from '../contract/physical-manifest.ts';
import { findBackup, readManifest } from '../vault/catalog.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import { describePhysicalRestore, describeServerUp } from './describe-restore-physical.ts';
import type { Io } from './io.ts';
import { directoryOf, goalOf, type PhysicalRestoreOptions } from './physical-options.ts';
import { createProgressDisplay } from './progress.ts';
import type { RestoreOptions } from './what-to-restore.ts';

/** `holdfast restore --kind physical` */
export async function restorePhysicalBackup(
  options: RestoreOptions & PhysicalRestoreOptions,
  io: Io,
): Promise<void> {
  const goal = goalOf(options);
  const directory = directoryOf(options);
  const { environment, cluster } = options;
  const vault = await io.services.openVault(environment);
  const dataKeys = await io.services.dataKeysFor(environment, cluster);
  const members = await chainOf(vault, cluster, options.label, io);
  const display = createProgressDisplay(io);
  const keepRunning = options.keepRunning || goal.action === 'pause';
  io.stderr.write(
    `Restoring ${cluster}, ${members.at(-1)?.label}, into ${directory}, up to ${describeTarget(goal.target)}.\n`,
  );
  let result: PhysicalRestoreResult;
  try {
    result = await restorePhysical({
      reader: { vault, dataKeys },
      members,
      directory,
      tablespaces: options.tablespaceMapping ?? new Map(),
      staging: options.staging ?? defaultStaging(directory),
      goal,
      port: options.port ?? (await freePort()),
      pgBin: options.pgBin,
      walFetch: [
        ...io.command,
        'wal-fetch',
        ...['--environment', environment, '--cluster', cluster],
      ],
      environment: io.env,
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

/** The backup with what it rests on, the full one first. */
async function chainOf(
  vault: VaultReader,
  cluster: string,
  label: string | undefined,
  io: Io,
): Promise<PhysicalManifest[]> {
  const entry = await findBackup(vault, cluster, label, 'physical');
  for (const warning of entry.warnings) io.stderr.write(`warning: ${warning}\n`);
  const newest = manifestOfKind(await readManifest(vault, entry), 'physical');
  const parents = await Promise.all(
    newest.chain.map(async (one) =>
      manifestOfKind(
        await readManifest(vault, await findBackup(vault, cluster, one, 'physical')),
        'physical',
      ),
    ),
  );
  return [...parents, newest];
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
