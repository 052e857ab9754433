import type { RestoreResult, ServerResult } from '../containers/runner/restore/restore-request.ts';
import type { LogicalManifest } from '../contract/logical-manifest.ts';
import { formatBytes, formatCount, formatInstant, formatSeconds } from './format.ts';

type NotIncluded = LogicalManifest['notIncluded'];

/** What the backup never held of these databases, and of the cluster. */
export function notIncludedOf(
  manifest: LogicalManifest,
  databases: readonly string[],
): NotIncluded {
  return manifest.notIncluded.filter(
    ({ database }) => database === undefined || databases.includes(database),
  );
}

/** The end of `holdfast restore` for one database, in words. */
export function describeDatabase(result: RestoreResult, manifest: LogicalManifest): string {
  const { seconds } = result;
  return text([
    `Restored "${result.database}" as "${result.name}": ${formatCount(result.tables, 'table')}, ${formatBytes(result.databaseBytes)} out of a dump of ${formatBytes(result.dumpBytes)}, data as of ${dataAsOf(manifest, result.database)}.`,
    `It took ${formatSeconds(seconds.total)} (fetch ${formatSeconds(seconds.fetch)}, load ${formatSeconds(seconds.restore)}, analyze ${formatSeconds(seconds.analyze)}).`,
    ...kept(result, 'The database that was there is kept'),
    ...differences(result, ''),
    ...missing(notIncludedOf(manifest, [result.database])),
    ...result.warnings.map((warning) => `Warning: ${warning}`),
  ]);
}

/** The end of `holdfast restore` for several databases, in words. */
export function describeServer(result: ServerResult, manifest: LogicalManifest): string {
  const { databases, roles, dropped, seconds } = result;
  const names = databases.map(({ database }) => database);
  return text([
    `Restored ${formatCount(databases.length, 'database')}${roles === undefined ? '' : ' and the roles'} of ${manifest.cluster} in ${formatSeconds(seconds.total)}:`,
    ...databases.map(
      ({ name, tables, databaseBytes, seconds: own, database }) =>
        `  "${name}": ${formatCount(tables, 'table')}, ${formatBytes(databaseBytes)}, data as of ${dataAsOf(manifest, database)}, ${formatSeconds(own.fetch + own.restore + own.analyze)}`,
    ),
    ...describeRoles(roles),
    ...databases.flatMap((one) => kept(one, `The database "${one.name}" that was there is kept`)),
    ...dropped.map((name) => `The database "${name}" that was there held nothing, and is gone.`),
    ...databases.flatMap((one) => differences(one, `${one.name}: `)),
    ...missing(notIncludedOf(manifest, names)),
    ...databases.flatMap(({ name, warnings }) => warnings.map((one) => `Warning: ${name}: ${one}`)),
  ]);
}

function describeRoles(roles: ServerResult['roles']): string[] {
  if (roles === undefined) return [];
  const { created, existing, reserved, withoutPassword, notRestored } = roles;
  const named = (what: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`Roles ${what}: ${names.join(', ')}`];
  return [
    ...named('made', created),
    ...named('that were there, left as they are', existing),
    ...named("that are a provider's own, left out", reserved),
    ...named('that may log in and have no password yet (ALTER ROLE … PASSWORD)', withoutPassword),
    ...differences({ notRestored }, ''),
  ];
}

function kept({ keptAs }: RestoreResult, what: string): string[] {
  if (keptAs === undefined) return [];
  const quoted = `"${keptAs.replaceAll('"', '""')}"`;
  return [`${what} as "${keptAs}". When it is no longer needed: DROP DATABASE ${quoted};`];
}

export function differences(
  { notRestored }: Pick<RestoreResult, 'notRestored'>,
  of: string,
): string[] {
  return notRestored.map(
    ({ what, why, statement }) =>
      `Not restored: ${of}${what} (${why})${statement === undefined ? '' : `: ${statement}`}`,
  );
}

export function missing(notIncluded: NotIncluded): string[] {
  return notIncluded.map(
    ({ what, why, database }) =>
      `Not in the backup: ${database === undefined ? '' : `${database}: `}${what} (${why})`,
  );
}

export function dataAsOf({ databases }: LogicalManifest, name: string): string {
  return formatInstant(databases.find((database) => database.name === name)?.dataAsOf);
}

export function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
