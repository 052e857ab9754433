import type { LogicalManifest } from '../../../contract/logical-manifest.ts';
import type { NotIncluded } from '../../../contract/manifest-base.ts';
import type { ChosenSource } from './choose-source.ts';
import { whereabouts } from './connection-error.ts';
import type { SourceDatabase } from './databases.ts';
import type { ServerSurvey } from './server-facts.ts';

export interface Preflight {
  readonly source: ChosenSource;
  readonly server: ServerSurvey;
  readonly included: readonly SourceDatabase[];
  readonly skipped: readonly NotIncluded[];
  /** The cluster's last backup, if there is one. */
  readonly previous: LogicalManifest | undefined;
}

/** What does not stop a backup, and should be looked into before it does. */
export function preflightWarnings(preflight: Preflight): string[] {
  return [
    ...standbyDelay(preflight),
    ...surveyWarnings(preflight.source, preflight.server),
    ...collations(preflight),
    ...newlySkipped(preflight),
  ];
}

/** The same, of the server itself, whatever is taken from it. */
export function surveyWarnings(source: ChosenSource, server: ServerSurvey): string[] {
  return [...integrity(source, server), ...archiving(source, server)];
}

/** A dump holds one snapshot for as long as its database takes: longer than replay waits, and it is cancelled. */
function standbyDelay({ source, server: { settings }, previous }: Preflight): string[] {
  const { inRecovery, lagProbe } = source.survey;
  if (!inRecovery || settings.hotStandbyFeedback || previous === undefined) return [];
  const way = lagProbe === 'archive' ? 'archive' : 'streaming';
  const delay = settings.standbyDelaySeconds[way];
  const longest = longestDump(previous);
  if (delay < 0 || delay >= longest) return [];
  return [
    `${whereabouts(source.server)} cancels queries that hold up replay for ${delay} s (max_standby_${way}_delay), its hot_standby_feedback is off, and the longest dump of the last backup took ${Math.round(longest)} s: set hot_standby_feedback=on on it, or max_standby_${way}_delay=${Math.ceil(longest * 2)}s.`,
  ];
}

function longestDump({ durations }: LogicalManifest): number {
  const dumps = Object.entries(durations).filter(
    ([stage]) => stage === 'everything' || stage.startsWith('database '),
  );
  return Math.max(0, ...dumps.map(([, seconds]) => seconds));
}

function integrity(source: ChosenSource, { facts }: ServerSurvey): string[] {
  if (facts.dataChecksums) return [];
  return [
    `${whereabouts(source.server)} has data_checksums off: a page that rots on disk is dumped without notice. pg_checksums --enable turns them on, with the server stopped.`,
  ];
}

function archiving(source: ChosenSource, { settings }: ServerSurvey): string[] {
  const { archives, archiveTimeoutSeconds, archivingFails } = settings;
  if (!archives) return [];
  const where = whereabouts(source.server);
  const found: string[] = [];
  if (archiveTimeoutSeconds === 0) {
    found.push(
      `${where} archives its WAL with archive_timeout=0: what a quiet server has committed is not archived until a segment is full.`,
    );
  }
  if (archivingFails !== undefined) {
    const { file, at, times } = archivingFails;
    found.push(
      `${where} fails to archive its WAL: ${file} at ${at.toISOString()}, ${times} failures in all, and nothing archived since. Look into its log.`,
    );
  }
  return found;
}

function collations({ included }: Preflight): string[] {
  return included
    .filter(({ collationVersion: { recorded, actual } }) => differs(recorded, actual))
    .map(
      ({ name, collationVersion: { recorded, actual } }) =>
        `The database ${name} was made with collation version ${recorded}, and the server has ${actual}: indexes on text may be out of order. Rebuild them, then ALTER DATABASE … REFRESH COLLATION VERSION.`,
    );
}

function differs(recorded: string | null, actual: string | null): boolean {
  return recorded !== null && actual !== null && recorded !== actual;
}

/** What the configuration leaves out is left out on purpose, but may be new as well. */
function newlySkipped({ included, skipped, previous }: Preflight): string[] {
  if (previous === undefined) return [];
  const before = new Set(
    [...previous.databases, ...(previous.dumpAll?.databases ?? [])].map(({ name }) => name),
  );
  const skippedBefore = new Set(previous.notIncluded.map(({ what }) => what));
  const now = new Set(
    [...included, ...skipped].map((one) => ('name' in one ? one.name : one.database)),
  );
  return [
    ...skipped
      .filter(({ what }) => !skippedBefore.has(what))
      .map(
        ({ what, why }) =>
          `The ${what} is skipped now, which it was not in the last backup (${previous.label}): ${why}.`,
      ),
    ...[...before]
      .filter((name) => !now.has(name))
      .map(
        (name) => `The database ${name} was in the last backup (${previous.label}) and is gone.`,
      ),
  ];
}
