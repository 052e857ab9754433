import { tmpdir } from 'node:os';
import { restoreDatabase } from '../containers/runner/restore/restore-database.ts';
import type { RestoreResult } from '../containers/runner/restore/restore-request.ts';
import { parseTargetUri, whereabouts } from '../containers/runner/restore/target-connection.ts';
import { EnvironmentVariable } from '../contract/environment-variables.ts';
import type { Manifest } from '../contract/manifest.ts';
import { findBackup, readManifest } from '../vault/catalog.ts';
import { formatBytes, formatInstant, formatSeconds } from './format.ts';
import type { Io } from './io.ts';
import { createProgressDisplay } from './progress.ts';
import { findTargetUri } from './target-uri.ts';

export interface RestoreOptions {
  readonly environment: string;
  readonly cluster: string;
  readonly label?: string | undefined;
  readonly database: string;
  readonly to?: string | undefined;
  readonly toFile?: string | undefined;
  readonly into?: string | undefined;
  readonly replace: boolean;
  readonly owner: boolean;
  readonly jobs: number;
  readonly staging?: string | undefined;
  readonly pgBin?: string | undefined;
  readonly ca?: string | undefined;
  readonly json: boolean;
}

/** `holdfast restore` */
export async function restore(options: RestoreOptions, io: Io): Promise<void> {
  const target = parseTargetUri(await findTargetUri(options, io), options.ca);
  const { environment, cluster, database } = options;
  const vault = await io.services.openVault(environment);
  const entry = await findBackup(vault, cluster, options.label);
  for (const warning of entry.warnings) io.stderr.write(`warning: ${warning}\n`);
  const manifest = await readManifest(vault, entry);
  const dataKeys = await io.services.dataKeysFor(environment, cluster);
  const name = options.into ?? database;
  io.stderr.write(
    `Restoring "${database}" of ${cluster}, ${entry.label}, into ${whereabouts(target)} as "${name}".\n`,
  );
  const display = createProgressDisplay(io);
  let result: RestoreResult;
  try {
    result = await restoreDatabase({
      reader: { vault, dataKeys },
      manifest,
      database,
      target,
      into: options.into,
      replace: options.replace,
      noOwner: !options.owner,
      jobs: options.jobs,
      // In the image everything else is read-only.
      staging: options.staging ?? io.env[EnvironmentVariable.SpoolDirectory] ?? tmpdir(),
      pgBin: options.pgBin,
      now: io.now,
      signal: io.signal,
      onProgress: (progress) => display.report(progress),
    });
  } finally {
    display.end();
  }
  const notIncluded = manifest.notIncluded.filter(
    (one) => one.database === undefined || one.database === database,
  );
  const outcome = { cluster, label: entry.label, ...result, notIncluded };
  io.stdout.write(
    options.json
      ? `${JSON.stringify(outcome, null, 2)}\n`
      : describe(result, notIncluded, dataAsOf(manifest, database)),
  );
}

function describe(
  result: RestoreResult,
  notIncluded: Manifest['notIncluded'],
  dataAsOf: string,
): string {
  const { seconds } = result;
  const lines = [
    `Restored "${result.database}" as "${result.name}": ${result.tables} tables, ${formatBytes(result.databaseBytes)} out of a dump of ${formatBytes(result.dumpBytes)}, data as of ${dataAsOf}.`,
    `It took ${formatSeconds(seconds.total)} (fetch ${formatSeconds(seconds.fetch)}, load ${formatSeconds(seconds.restore)}, analyze ${formatSeconds(seconds.analyze)}).`,
  ];
  if (result.keptAs !== undefined) {
    const quoted = `"${result.keptAs.replaceAll('"', '""')}"`;
    lines.push(
      `The database that was there is kept as "${result.keptAs}". When it is no longer needed: DROP DATABASE ${quoted};`,
    );
  }
  for (const { what, why } of result.notRestored) lines.push(`Not restored: ${what} (${why})`);
  for (const { what, why } of notIncluded) lines.push(`Not in the backup: ${what} (${why})`);
  for (const warning of result.warnings) lines.push(`Warning: ${warning}`);
  return `${lines.join('\n')}\n`;
}

function dataAsOf({ databases }: Manifest, name: string): string {
  return formatInstant(databases.find((database) => database.name === name)?.dataAsOf);
}
