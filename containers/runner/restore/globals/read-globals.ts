import { HoldfastError } from '../../../../contract/errors.ts';
import type { LogicalManifest } from '../../../../contract/logical-manifest.ts';
import { type ArtifactReader, readArtifactStream } from '../../../../vault/fetch-artifact.ts';
import { assertNamed } from '../check-streams.ts';
import { refused } from '../preflight.ts';
import type { Globals } from './globals.ts';
import { parseGlobals } from './parse-globals.ts';

const TRAILER = '-- PostgreSQL database cluster dump complete';

/**
 * Fetches a backup's globals and takes them apart.
 *
 * @throws HoldfastError VAULT_INTEGRITY when they lack their end, RESTORE_REFUSED, VAULT_DENIED,
 * VAULT_UNAVAILABLE
 */
export async function readGlobals(
  reader: ArtifactReader,
  manifest: LogicalManifest,
): Promise<Globals> {
  assertNamed(manifest.globals, 'globals.sql');
  const pieces: Buffer[] = [];
  for await (const piece of readArtifactStream(reader, manifest, manifest.globals)) {
    pieces.push(piece);
  }
  const bytes = Buffer.concat(pieces);
  const sql = decode(bytes);
  if (!sql.includes(TRAILER)) {
    throw new HoldfastError('VAULT_INTEGRITY', `The globals of ${manifest.label} lack their end.`, {
      hint: 'Nothing was restored. Use another backup, and find out who wrote this one (CloudTrail).',
    });
  }
  return parseGlobals(sql);
}

/** `pg_dumpall` writes in the encoding of the database that it connects to. */
function decode(bytes: Buffer): string {
  const encoding = /^SET client_encoding = '(\w+)';$/m.exec(bytes.toString('latin1'))?.[1];
  if (encoding === undefined || encoding === 'UTF8' || bytes.every((byte) => byte < 0x80)) {
    return bytes.toString('utf8');
  }
  if (encoding === 'LATIN1') return bytes.toString('latin1');
  throw refused(
    `The backup's globals are written in ${encoding}, with names that are not ASCII.`,
    'Restore the roles by hand (docs/FORMAT.md, "Restore with stock tools alone"), then the databases with --all --no-roles.',
  );
}
