import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { execa } from 'execa';
import type { ArtifactStream } from '../../contract/artifacts.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import type { LocalCloud } from './local-cloud.ts';
import { readStream } from './read-stream.ts';
import { containerArguments, podman, postgresBaseImage } from './servers/container.ts';
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

/**
 * Combines a chain by hand, as pg_combinebackup has to be told to: each member's tablespaces linked, and
 * no `tablespace_map`, which would lead the result to the source's own.
 *
 * @param chain full first.
 */
export async function combineBases(
  cloud: LocalCloud,
  chain: readonly PhysicalManifest[],
  name: string,
): Promise<UnpackedBase> {
  const at = join(cloud.directory, name);
  const members: UnpackedBase[] = [];
  for (const [index, manifest] of chain.entries()) {
    const member = await unpackBase(cloud, manifest, `${name}/${index}`);
    await writeFile(
      join(member.data, 'backup_manifest'),
      await readStream(cloud, manifest, manifest.backupManifest),
    );
    await rm(join(member.data, 'tablespace_map'));
    for (const { oid, location } of manifest.tablespaces) {
      await symlink(
        member.tablespaces.get(location) ?? '',
        join(member.data, 'pg_tblspc', `${oid}`),
      );
    }
    members.push(member);
  }
  const last = members.at(-1);
  if (last === undefined) throw new Error('There is no chain.');
  const data = join(at, 'combined');
  const tablespaces = new Map(
    [...last.tablespaces.keys()].map((location, index) => [location, join(at, `space-${index}`)]),
  );
  const mapped = [...last.tablespaces].map(
    ([location, from]) => `--tablespace-mapping=${from}=${tablespaces.get(location)}`,
  );
  const bin = '/usr/lib/postgresql/17/bin';
  await podman([
    ...containerArguments({ id: cloud.run }),
    ...['--rm', '--volume', `${at}:${at}`, postgresBaseImage(17)],
    ...[`${bin}/pg_combinebackup`, ...mapped, '-o', data],
    ...members.map((member) => member.data),
  ]);
  const owner = `--reference=${join(last.data, 'PG_VERSION')}`;
  await execa('chown', ['--recursive', owner, data, ...tablespaces.values()]);
  for (const member of members) await rm(member.data, { recursive: true });
  await rm(join(data, 'pg_tblspc'), { recursive: true });
  await mkdir(join(data, 'pg_tblspc'));
  for (const { oid, location } of chain.at(-1)?.tablespaces ?? []) {
    await symlink(location, join(data, 'pg_tblspc', String(oid)));
  }
  return { data, tablespaces };
}
