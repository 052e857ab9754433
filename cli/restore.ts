import { tmpdir } from 'node:os';
import { rescueTables } from '../containers/runner/restore/rescue/rescue-tables.ts';
import { restoreDatabase } from '../containers/runner/restore/restore-database.ts';
import type { RestoreRequest } from '../containers/runner/restore/restore-request.ts';
import { restoreServer } from '../containers/runner/restore/restore-server.ts';
import { parseTargetUri, whereabouts } from '../containers/runner/restore/target-connection.ts';
import { EnvironmentVariable } from '../contract/environment-variables.ts';
import type { LogicalManifest } from '../contract/logical-manifest.ts';
import { manifestOfKind } from '../contract/manifest.ts';
import { readManifest } from '../vault/catalog.ts';
import { describeRescue } from './describe-rescue.ts';
import { describeDatabase, describeServer, notIncludedOf } from './describe-restore.ts';
import { formatCount } from './format.ts';
import type { Io } from './io.ts';
import { findKnownBackup } from './known-backup.ts';
import { createProgressDisplay } from './progress.ts';
import { findTargetUri, PASSWORD_VARIABLE } from './target-uri.ts';
import { type RestoreOptions, type WhatToRestore, whatToRestore } from './what-to-restore.ts';

/** `holdfast restore` */
export async function restore(options: RestoreOptions, io: Io): Promise<void> {
  const wanted = whatToRestore(options);
  const { role } = options;
  const uri = await findTargetUri(options, io);
  const server = parseTargetUri(uri, options.ca, io.env[PASSWORD_VARIABLE]);
  const target = role === undefined ? server : { ...server, role };
  const { environment, cluster } = options;
  const vault = await io.services.openVault(environment);
  const entry = await findKnownBackup(vault, options, io);
  for (const warning of entry.warnings) io.stderr.write(`warning: ${warning}\n`);
  const manifest = manifestOfKind(await readManifest(vault, entry), 'logical');
  const dataKeys = await io.services.dataKeysFor(environment, cluster);
  const display = createProgressDisplay(io);
  const request: Omit<RestoreRequest, 'database' | 'chosen'> = {
    reader: { vault, dataKeys },
    manifest,
    target,
    replace: options.replace,
    noOwner: !options.owner,
    noPrivileges: !options.privileges,
    noTablespaces: !options.tablespaces,
    jobs: options.jobs,
    // In the image everything else is read-only.
    staging: options.staging ?? io.env[EnvironmentVariable.SpoolDirectory] ?? tmpdir(),
    pgBin: options.pgBin,
    now: io.now,
    signal: io.signal,
    onProgress: (progress) => display.report(progress),
  };
  const from = `of ${cluster}, ${entry.label}, into ${whereabouts(target)}`;
  let outcome: Outcome;
  try {
    if (wanted.scope === 'one') {
      const { database, chosen } = wanted;
      const name = options.into ?? database;
      io.stderr.write(`Restoring ${namesOf(chosen)}"${database}" ${from} as "${name}".\n`);
      const result = await restoreDatabase({ ...request, database, chosen, into: options.into });
      outcome = { result, words: describeDatabase(result, manifest), databases: [database] };
    } else if (wanted.scope === 'rescue') {
      const { database, chosen, into } = wanted;
      io.stderr.write(`Rescuing ${namesOf(chosen)}"${database}" ${from}, database "${into}".\n`);
      const result = await rescueTables({ ...request, database, chosen, into });
      outcome = { result, words: describeRescue(result, manifest), databases: [database] };
    } else {
      const { databases, roles } = wanted;
      io.stderr.write(
        `Restoring ${databases === undefined ? 'all databases' : formatCount(databases.length, 'database')} ${from}.\n`,
      );
      const result = await restoreServer({
        ...request,
        databases,
        roles,
        onDatabase: (name, number, of) => {
          display.end();
          io.stderr.write(`Database ${number} of ${of}: "${name}"\n`);
        },
      });
      outcome = {
        result,
        words: describeServer(result, manifest),
        databases: result.databases.map(({ database }) => database),
      };
    }
  } finally {
    display.end();
  }
  io.stdout.write(options.json ? asJson(outcome, manifest) : outcome.words);
}

interface Outcome {
  readonly result: object;
  readonly words: string;
  /** Names in the backup. */
  readonly databases: readonly string[];
}

function namesOf(chosen: Extract<WhatToRestore, { scope: 'one' }>['chosen']): string {
  return chosen === undefined ? '' : `${[...chosen.schemas, ...chosen.tables].join(', ')} of `;
}

function asJson({ result, databases }: Outcome, manifest: LogicalManifest): string {
  const { cluster, label } = manifest;
  const notIncluded = notIncludedOf(manifest, databases);
  return `${JSON.stringify({ cluster, label, ...result, notIncluded }, null, 2)}\n`;
}
