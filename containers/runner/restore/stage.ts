import type { DatabaseEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import type { ArtifactReader } from '../../../vault/fetch-artifact.ts';
import type { DumpToc } from './dump-toc.ts';
import { type Loaded, type LoadOptions, loadDump, type StagedArchive } from './load-dump.ts';
import { loadSql } from './load-sql.ts';
import type { Selection } from './select-entries.ts';
import { stageDump } from './stage-dump.ts';
import { stageArchive, stageSql } from './stage-streams.ts';

/** A dump that lies on our disk, but for big tables, and how it gets into a database. */
export interface StagedDump {
  readonly toc: DumpToc;
  /** Whether single entries can be left out: what is in plain SQL runs all of it. */
  readonly selectable: boolean;
  /**
   * Loads it into the temporary database; the first error ends it. What was not staged is proven when
   * this has ended well, and not before.
   *
   * @throws HoldfastError RESTORE_FAILED, VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
   */
  load(temporary: string, selection: Selection, options: LoadOptions): Promise<Loaded>;
}

/**
 * Puts a database's dump together again, whatever its format.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function stage(
  reader: ArtifactReader,
  manifest: LogicalManifest,
  entry: DatabaseEntry,
  directory: string,
  onStreamed?: (bytes: number) => void,
): Promise<StagedDump> {
  switch (entry.format) {
    case 'directory': {
      const staged = await stageDump(reader, manifest, entry, directory, onStreamed);
      return fromArchive({ directory, archive: directory, ...staged });
    }
    case 'custom': {
      const { path, toc } = await stageArchive(reader, manifest, entry, directory);
      return fromArchive({ directory, archive: path, toc, streams: [] });
    }
    case 'plain': {
      const { path, toc } = await stageSql(reader, manifest, entry, directory);
      return {
        toc,
        selectable: false,
        load: async (temporary, _, options) => ({
          warnings: await loadSql({ path, ...entry }, temporary, options),
          notRestored: [],
        }),
      };
    }
  }
}

function fromArchive(staged: StagedArchive): StagedDump {
  return {
    toc: staged.toc,
    selectable: true,
    load: (temporary, selection, options) => loadDump(staged, temporary, selection, options),
  };
}
