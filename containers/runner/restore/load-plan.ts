import { type DumpToc, SECTION, type TocEntry } from './dump-toc.ts';

/** A table's data that is fetched while it is loaded. */
export interface TableStream {
  /** Entry of the table of contents whose data it is. */
  readonly dumpId: number;
  /** Compressed, bytes. */
  readonly bytes: number;
}

/** Work that builds on one another, by the ids of its entries. */
export interface LoadPlan<Stream extends TableStream> {
  /** Before the streams: what makes the tables, and data that lies on the disk. */
  readonly first: readonly number[];
  /** Biggest first, so that the last one to end is a small one. */
  readonly streams: readonly Stream[];
  /**
   * What can be built as soon as a stream is loaded, by the stream's id: one step after the other,
   * each step's parts side by side.
   */
  readonly after: ReadonlyMap<number, readonly (readonly (readonly number[])[])[]>;
  /**
   * One after the other: two of them on one table, side by side, would each wait for the lock that the
   * other holds.
   */
  readonly alone: readonly number[];
  /** After all that: what needs several tables, and all else. */
  readonly last: readonly number[];
}

/**
 * Divides what is to be restored, as `pg_restore --jobs` would order it by itself if it could wait for
 * a table's data to come.
 *
 * @param dumpIds wanted entries; `undefined`: all of them.
 */
export function planLoad<Stream extends TableStream>(
  toc: DumpToc,
  dumpIds: readonly number[] | undefined,
  streams: readonly Stream[],
): LoadPlan<Stream> {
  const wanted = new Set(dumpIds ?? toc.entries.map(({ dumpId }) => dumpId));
  const entries = toc.entries.filter(({ dumpId }) => wanted.has(dumpId));
  const byId = new Map(toc.entries.map((entry) => [entry.dumpId, entry]));
  const loaded = streams.filter(({ dumpId }) => wanted.has(dumpId));
  const streamed = new Set(loaded.map(({ dumpId }) => dumpId));
  const isPreData = (id: number): boolean =>
    (byId.get(id)?.section ?? SECTION.preData) === SECTION.preData;
  const tablesOf = ({ dependencies }: Pick<TocEntry, 'dependencies'>): number[] =>
    [...new Set(dependencies)].filter((id) => byId.get(id)?.desc === 'TABLE');
  const buildable = entries.filter(({ dependencies }) => dependencies.every(isPreData));
  const alterers = alteringIndexes(buildable);
  // What needs two tables waits for both: it is not any one's.
  const byTable = Map.groupBy(
    buildable.filter((entry) => tablesOf(entry).length === 1),
    (entry) => tablesOf(entry)[0],
  );
  const built = new Set<number>(alterers);
  const after = new Map<number, number[][][]>();
  for (const { dumpId } of loaded) {
    const [table] = tablesOf(byId.get(dumpId) ?? { dependencies: [] });
    const ofTable = (table === undefined ? undefined : byTable.get(table)) ?? [];
    const ids = (desc: string): number[] =>
      ofTable.filter((entry) => entry.desc === desc).map((entry) => entry.dumpId);
    const keys = ids('CONSTRAINT');
    const indexes = ids('INDEX').filter((id) => !alterers.has(id));
    for (const id of [...keys, ...indexes]) built.add(id);
    // A key locks its table against everybody else's building.
    const steps = [keys.length > 0 ? [keys] : [], indexes.map((id) => [id])];
    after.set(
      dumpId,
      steps.filter((step) => step.length > 0),
    );
  }
  const isFirst = ({ section, dumpId }: TocEntry): boolean =>
    section === SECTION.preData || (section === SECTION.data && !streamed.has(dumpId));
  return {
    first: entries.filter(isFirst).map(({ dumpId }) => dumpId),
    streams: loaded.sort((one, other) => other.bytes - one.bytes),
    after,
    alone: entries.map(({ dumpId }) => dumpId).filter((id) => alterers.has(id)),
    last: entries
      .filter((entry) => !isFirst(entry) && !streamed.has(entry.dumpId) && !built.has(entry.dumpId))
      .map(({ dumpId }) => dumpId),
  };
}

/**
 * Indexes whose entry alters their table too, where a table has several. An entry runs in one
 * transaction: the first statement takes a lock that others may share, the second one that none may.
 */
function alteringIndexes(entries: readonly TocEntry[]): Set<number> {
  const byTable = Map.groupBy(
    entries.filter(
      ({ desc, definition }) =>
        desc === 'INDEX' && /\b(CLUSTER ON|REPLICA IDENTITY USING INDEX)\b/.test(definition),
    ),
    ({ dependencies }) => dependencies[0],
  );
  const several = [...byTable.values()].filter((ofTable) => ofTable.length > 1);
  return new Set(several.flat().map(({ dumpId }) => dumpId));
}
