import { mkdtemp, rm } from 'node:fs/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import type { Tablespace } from '../../../contract/physical-manifest.ts';
import type { PhysicalOptions } from '../../../contract/physical-options.ts';
import { parseLsn, segmentAt, segmentName } from '../../../contract/wal-segments.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { Log } from '../log.ts';
import { streamEntry } from '../logical/database-facts.ts';
import { Child, describeExit } from '../process/child.ts';
import type { Program } from '../process/program.ts';
import type { ChosenSource } from '../source/choose-source.ts';
import { libpqEnvironment } from '../source/server.ts';
import type { Spool } from '../spool.ts';
import { stopwatch } from '../stopwatch.ts';
import { parseBackupLabel } from './backup-label.ts';
import { type BaseTarget, baseArguments } from './base-arguments.ts';
import { baseFailure } from './base-failure.ts';
import { tellProgress } from './base-progress.ts';
import { BaseStream, type StreamedBase } from './base-stream.ts';
import { type SourceTablespace, surveyAfter, surveyBase } from './base-survey.ts';
import type { WalRange } from './check/backup-manifest.ts';
import { DamagedSource } from './damage.ts';
import { ParentRefused } from './parent-refused.ts';
import { recognisePromotion } from './promoted.ts';
import { TooEarly } from './too-early.ts';

export interface PhysicalBackupOptions {
  readonly source: ChosenSource;
  readonly program: Program;
  readonly physical: PhysicalOptions;
  /** MiB; 0 is no limit. */
  readonly maxRateMiBPerSecond: number;
  readonly spool: Spool;
  readonly vault: BackupVault;
  readonly log: Log;
  /** Called now and then while the source makes the checkpoint that the backup begins with. */
  readonly waits: () => void;
  readonly verifyChecksums: boolean;
  /** Path of the parent's `backup_manifest`, and what `comesTo` says of it; `undefined`: a full backup. */
  readonly parent: { readonly path: string; readonly stop: string | undefined } | undefined;
}

/** A base backup: in S3, proven whole, visible to nobody yet. */
export type PhysicalBackup = Awaited<ReturnType<typeof takeBase>>;

/**
 * Takes one base backup, uploading while it is written.
 *
 * @throws HoldfastError DUMP_FAILED, DUMP_INCOMPLETE, SPOOL_STALLED, VAULT_DENIED, VAULT_UNAVAILABLE, …
 * @throws DamagedSource when pages have wrong checksums, which it was told to verify
 * @throws ParentRefused when the server does not take the parent
 * @throws TooEarly when the standby has not come as far as the parent
 */
export async function takeBase(options: PhysicalBackupOptions) {
  const { source, physical, spool, vault, log, waits } = options;
  const survey = await surveyBase(source);
  for (const warning of survey.warnings) log.warn('preflight warning', { warning });
  // A name of its own for each try: what is left of one before must not reach into this one.
  const directory = await mkdtemp(`${spool.directory}/base-`);
  const lap = stopwatch();
  const child = await start(options, { directory, slot: survey.slot });
  log.info('base backup started', { label: vault.label });
  const stopTelling = tellProgress({ source, log, waits, full: options.parent === undefined });
  try {
    const { stderr } = child;
    const streamed = await new BaseStream({
      child,
      directory,
      compression: physical.compression,
      vault,
      spool,
      failure: (exit) =>
        DamagedSource.from(stderr.tail) ??
        TooEarly.from(stderr.tail, options.parent?.stop) ??
        (options.parent && ParentRefused.from(stderr.tail)) ??
        baseFailure(describeExit(exit), stderr.tail),
    })
      .run()
      .catch(async (error: unknown) => {
        throw vault.signal.aborted ? error : await recognisePromotion(error, source);
      });
    const after = await surveyAfter(source);
    const points = provenPoints(options, streamed, survey.server.walSegmentBytes);
    const { base, wal, backupManifest, checked } = streamed;
    const tablespaces = describeTablespaces(streamed, after.tablespaces);
    const streams = [base, ...(wal === undefined ? [] : [wal]), backupManifest];
    const pending = [...streams, ...streamed.tablespaces.values()];
    const bytes = pending.reduce((total, stream) => total + stream.bytes, 0);
    log.info('base backup uploaded', { seconds: lap(), bytes });
    return {
      survey,
      start: { ...points.start, at: survey.at.toISOString() },
      stop: { ...points.stop, at: after.at.toISOString() },
      walRanges: checked.walRanges,
      base: streamEntry(base),
      walTar: wal === undefined ? null : streamEntry(wal),
      backupManifest: streamEntry(backupManifest),
      tablespaces,
      files: checked.files,
      said: stderr.warnings,
      durations: { base: lap() } as Record<string, number>,
      pending: pending.flatMap(({ artifacts }) => artifacts),
    };
  } finally {
    stopTelling();
    await child.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function start(
  { source, program, physical, ...options }: PhysicalBackupOptions,
  target: Pick<BaseTarget, 'directory' | 'slot'>,
): Promise<Child> {
  const { verifyChecksums, parent, maxRateMiBPerSecond, vault, spool } = options;
  const more = { verifyChecksums, parentManifest: parent?.path, maxRateMiBPerSecond };
  return await Child.start({
    command: program.path,
    args: baseArguments(physical, { ...target, ...more, label: vault.label }),
    environment: libpqEnvironment(source.server),
    cwd: spool.directory,
    signal: vault.signal,
  });
}

interface Point {
  readonly lsn: string;
  readonly timeline: number;
}

/** Where it starts and stops, by what was uploaded, which must agree with itself and with the source. */
function provenPoints(
  { source, physical, vault }: PhysicalBackupOptions,
  { checked, walFiles }: StreamedBase,
  segmentBytes: number,
): { start: Point; stop: Point } {
  const label = parseBackupLabel(checked.backupLabel);
  const { walRanges, systemIdentifier } = checked;
  const [first] = walRanges;
  const last = walRanges.at(-1);
  if (label.label !== vault.label) {
    throw incomplete(`its backup_label is that of "${label.label}"`);
  }
  if (first?.start !== label.start || first.timeline !== label.timeline || last === undefined) {
    throw incomplete(
      `its backup_label starts at ${label.start} of timeline ${label.timeline}, its backup_manifest at ${first?.start} of ${first?.timeline}`,
    );
  }
  if (systemIdentifier !== undefined && systemIdentifier !== source.survey.systemIdentifier) {
    throw incomplete(`its backup_manifest is of another database system, ${systemIdentifier}`);
  }
  if (physical.wal === 'stream') {
    const needed = walRanges.flatMap((range) => segmentsOf(range, segmentBytes));
    const lacking = needed.filter((segment) => !walFiles.has(segment));
    if (lacking.length > 0) throw incomplete(`pg_wal.tar lacks ${lacking.slice(0, 5).join(', ')}`);
  }
  return {
    start: { lsn: label.start, timeline: label.timeline },
    stop: { lsn: last.end, timeline: last.timeline },
  };
}

/**
 * Names of the segments that hold a range of WAL.
 *
 * @param segmentBytes the server's `wal_segment_size`.
 */
export function segmentsOf({ timeline, start, end }: WalRange, segmentBytes: number): string[] {
  const first = segmentAt(parseLsn(start), segmentBytes);
  // The end is the first byte that is not needed.
  const last = segmentAt(parseLsn(end) - 1n, segmentBytes);
  return Array.from({ length: last - first + 1 }, (_, more) =>
    segmentName({ timeline, number: first + more }, segmentBytes),
  );
}

function describeTablespaces(
  { tablespaces }: StreamedBase,
  known: readonly SourceTablespace[],
): Tablespace[] {
  const byOid = [...tablespaces].toSorted(([one], [other]) => one - other);
  return byOid.map(([oid, stream]) => {
    const found = known.find((one) => one.oid === oid);
    if (found === undefined) throw incomplete(`its tablespace ${oid} was dropped meanwhile`);
    return { ...found, tar: streamEntry(stream) };
  });
}

function incomplete(found: string): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `The base backup is not whole: ${found}.`, {
    hint: 'Nothing was published. Run the backup again.',
  });
}
