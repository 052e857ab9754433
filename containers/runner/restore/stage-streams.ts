import { join } from 'node:path';
import type {
  CustomEntry,
  LogicalManifest,
  PlainEntry,
} from '../../../contract/logical-manifest.ts';
import { type ArtifactReader, readArtifactStream } from '../../../vault/fetch-artifact.ts';
import { assertNamed } from './check-streams.ts';
import type { DumpToc } from './dump-toc.ts';
import { readArchiveToc } from './read-toc.ts';
import { writeDumpFile } from './unpack-files.ts';

/** Names in the staging directory. */
const ARCHIVE = 'dump.custom';
const SQL = 'dump.sql';
const SCHEMA = 'schema.custom';

/** A dump of one file, decrypted and checked. */
export interface StagedFile {
  readonly path: string;
  readonly toc: DumpToc;
}

/**
 * Puts a custom archive together in a file: `pg_restore` with several jobs has to seek in it.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function stageArchive(
  reader: ArtifactReader,
  manifest: LogicalManifest,
  { oid, dump }: CustomEntry,
  directory: string,
): Promise<StagedFile> {
  assertNamed(dump, `db-${oid}/dump.custom`);
  await writeDumpFile(directory, ARCHIVE, readArtifactStream(reader, manifest, dump));
  const path = join(directory, ARCHIVE);
  return { path, toc: await readArchiveToc(path) };
}

/**
 * Puts a plain dump together, still compressed, and reads the table of contents that lies beside it.
 * All of it is proven before any of it is run.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function stageSql(
  reader: ArtifactReader,
  manifest: LogicalManifest,
  { oid, dump, schema }: PlainEntry,
  directory: string,
): Promise<StagedFile> {
  assertNamed(schema, `db-${oid}/schema.custom`);
  const [first] = dump.artifacts;
  const stems = ['', '.zst', '.gz'].map((suffix) => `db-${oid}/dump.sql${suffix}`);
  assertNamed(dump, stems.find((stem) => first === `${stem}.0001`) ?? `db-${oid}/dump.sql`);
  await writeDumpFile(directory, SCHEMA, readArtifactStream(reader, manifest, schema));
  const toc = await readArchiveToc(join(directory, SCHEMA));
  await writeDumpFile(directory, SQL, readArtifactStream(reader, manifest, dump));
  return { path: join(directory, SQL), toc };
}
