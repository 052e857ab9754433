import type { ArtifactStream } from '../../../contract/artifacts.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { assertNamed } from '../restore/check-streams.ts';

const SUFFIXES = ['', '.zst', '.gz', '.lz4'] as const;

/** What a base backup's stream is unpacked as. */
export interface MemberStream {
  readonly is: 'base' | 'wal' | 'manifest' | 'tablespace';
  /** Of a tablespace. */
  readonly oid?: number;
  readonly stream: ArtifactStream;
}

/**
 * All streams of a base backup, each proven to be the one that it is taken for: what an artifact is
 * bound to is its name, and not what the manifest says about it.
 *
 * @throws HoldfastError VAULT_INTEGRITY
 */
export function memberStreams(manifest: PhysicalManifest): MemberStream[] {
  const { base, walTar, backupManifest, tablespaces } = manifest;
  const streams: MemberStream[] = [
    { is: 'base', stream: base },
    ...tablespaces.map(({ oid, tar }) => ({ is: 'tablespace' as const, oid, stream: tar })),
    ...(walTar === null ? [] : [{ is: 'wal' as const, stream: walTar }]),
    { is: 'manifest', stream: backupManifest },
  ];
  for (const one of streams) assertStem(one);
  return streams;
}

function assertStem({ is, oid, stream }: MemberStream): void {
  const stems = {
    base: ['base.tar'],
    wal: ['pg_wal.tar'],
    manifest: ['backup_manifest'],
    tablespace: [`tablespace-${oid}.tar`],
  }[is].flatMap((stem) => SUFFIXES.map((suffix) => `${stem}${suffix}`));
  const [first] = stream.artifacts;
  assertNamed(stream, stems.find((stem) => first === `${stem}.0001`) ?? (stems[0] as string));
}

/**
 * Cipher text that is fetched for a member, bytes.
 *
 * @param wal whether with its WAL.
 */
export function cipherBytes(manifest: PhysicalManifest, wal: boolean): number {
  const streams = memberStreams(manifest).filter(({ is }) => is !== 'wal' || wal);
  const names = new Set(streams.flatMap(({ stream }) => stream.artifacts));
  return manifest.artifacts
    .filter(({ name }) => names.has(name))
    .reduce((sum, { cipher }) => sum + cipher.bytes, 0);
}

/** @throws HoldfastError RESTORE_REFUSED for a backup whose pages were damaged, unless asked for by name */
export function assertUndamaged({ label, damage }: PhysicalManifest, named: boolean): void {
  if (damage.length === 0 || named) return;
  throw new HoldfastError(
    'RESTORE_REFUSED',
    `${label} was taken of a server whose pages are damaged: ${damage.map(({ file }) => file).join(', ')}.`,
    { hint: 'Take an older one, or name this one with --label to restore it all the same.' },
  );
}
