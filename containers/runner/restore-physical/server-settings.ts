import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { settingIn } from './configuration-text.ts';
import type { ControlData, RecoveryLimit } from './control-data.ts';
import { fittingBuffers } from './host-memory.ts';
import { chooseLibraries } from './preload-libraries.ts';
import { readKept } from './quarantine.ts';
import type { ServerPrograms } from './server-programs.ts';

const MIB = 1024 * 1024;
/**
 * PostgreSQL's defaults, which are as many of its segments of 16 MB. With larger ones initdb writes more into
 * the configuration, and with less than two of them the server does not start.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/access/xlog_internal.h
 */
const WAL_SIZES = [
  { name: 'min_wal_size', mib: 80, segments: 5 },
  { name: 'max_wal_size', mib: 1024, segments: 64 },
] as const;

export interface ServerSettings {
  readonly settings: Record<string, string>;
  readonly warnings: readonly string[];
}

/**
 * What a restored server needs to recover at all, here: as much room for connections as the primary had,
 * the libraries that its WAL may need, and no more memory than there is.
 *
 * @param directory in quarantine already.
 */
export async function settingsFor(
  directory: string,
  manifest: Pick<PhysicalManifest, 'server'>,
  control: ControlData,
  programs: ServerPrograms,
): Promise<ServerSettings> {
  const inherited = await inheritedSetting(directory, 'shared_preload_libraries');
  const preload = inherited ?? (manifest.server.sharedPreloadLibraries ?? []).join(',');
  const { loaded, leftOut } = await chooseLibraries(preload, programs);
  const limits = Object.fromEntries(
    (Object.entries(control.limits) as [RecoveryLimit, number][]).map(([name, value]) => [
      name,
      String(value),
    ]),
  );
  const walSizes = Object.fromEntries(
    WAL_SIZES.map(({ name, mib, segments }) => [
      name,
      `${Math.max(mib, (segments * control.walSegmentBytes) / MIB)}MB`,
    ]),
  );
  return {
    settings: {
      ...limits,
      ...walSizes,
      wal_level: control.walLevel === 'minimal' ? 'replica' : control.walLevel,
      track_commit_timestamp: control.trackCommitTimestamp ? 'on' : 'off',
      shared_preload_libraries: loaded.join(','),
      shared_buffers: await fittingBuffers(),
    },
    warnings: leftOut.map((one) => `The library ${one} is not loaded in quarantine.`),
  };
}

async function inheritedSetting(directory: string, name: string): Promise<string | undefined> {
  return (
    settingIn(await readKept(directory, 'postgresql.auto.conf'), name) ??
    settingIn(await readKept(directory, 'postgresql.conf'), name)
  );
}
