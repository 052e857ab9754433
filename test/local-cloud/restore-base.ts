import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { execa } from 'execa';
import type { ArtifactStream } from '../../contract/artifacts.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import type { LocalCloud } from './local-cloud.ts';
import { readStream } from './read-stream.ts';
import { type PostgresServer, startLoneServer } from './servers/postgres.ts';
import { DATA } from './servers/postgres-scripts.ts';

/** A base backup's files as they would lie on a server, on the host. */
export interface UnpackedBase {
  readonly data: string;
  /** By where they lie on the source. */
  readonly tablespaces: ReadonlyMap<string, string>;
}

/** Fetches a full base backup and unpacks it by hand, with nothing but `tar`. */
export async function unpackBase(
  cloud: LocalCloud,
  manifest: PhysicalManifest,
  name: string,
): Promise<UnpackedBase> {
  const unpack = async (stream: ArtifactStream, directory: string): Promise<string> => {
    await mkdir(directory, { recursive: true });
    const bytes = await readStream(cloud, manifest, stream);
    const tar = manifest.compression === 'none' ? bytes : zstdDecompressSync(bytes);
    await execa('tar', ['--extract', '--same-owner', '--numeric-owner', '--directory', directory], {
      input: tar,
    });
    return directory;
  };
  const at = join(cloud.directory, name);
  const data = await unpack(manifest.base, join(at, 'data'));
  if (manifest.walTar !== null) await unpack(manifest.walTar, join(data, 'pg_wal'));
  const tablespaces = new Map<string, string>();
  for (const { oid, location, tar } of manifest.tablespaces) {
    tablespaces.set(location, await unpack(tar, join(at, String(oid))));
  }
  return { data, tablespaces };
}

/** Starts a server on an unpacked base backup, which follows nobody. */
export async function startOnBase(
  cloud: LocalCloud,
  name: string,
  { data, tablespaces }: UnpackedBase,
): Promise<PostgresServer> {
  const script = `rm -f "$1/standby.signal"; chown -R --reference="$1/PG_VERSION" "$1" "\${@:2}"`;
  const directories = [data, ...tablespaces.values()];
  await execa('bash', ['-c', script, 'bash', ...directories]);
  await writeFile(join(data, 'postgresql.auto.conf'), '');
  return await startLoneServer(
    { run: { id: cloud.run, directory: cloud.directory }, certificates: cloud.certificates },
    name,
    [`${data}:${DATA}`, ...[...tablespaces].map(([location, host]) => `${host}:${location}`)],
  );
}
