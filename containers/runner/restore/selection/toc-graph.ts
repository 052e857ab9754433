import type { DumpToc, TocEntry } from '../dump-toc.ts';
import { nameOf, type SqlToken, splitStatements, withoutSpace } from '../sql-tokens.ts';
import { isRelation } from './table-names.ts';

/** A table of contents as a graph: who needs whom, and whose partition is what. */
export class TocGraph {
  readonly toc: DumpToc;
  readonly #byId: ReadonlyMap<number, TocEntry>;
  /** Partitions by their parents. */
  readonly #partitions = new Map<TocEntry, TocEntry[]>();
  readonly #parents = new Map<TocEntry, TocEntry>();

  constructor(toc: DumpToc) {
    this.toc = toc;
    this.#byId = new Map(toc.entries.map((entry) => [entry.dumpId, entry]));
    for (const attach of toc.entries.filter(({ desc }) => desc === 'TABLE ATTACH')) {
      const [parent, child] = this.#named(attach);
      if (parent === undefined || child === undefined) continue;
      this.#partitions.set(parent, [...(this.#partitions.get(parent) ?? []), child]);
      this.#parents.set(child, parent);
    }
  }

  /** What an entry needs, of what the dump holds; each once. */
  needs(entry: TocEntry): Set<TocEntry> {
    const needed = entry.dependencies.map((id) => this.#byId.get(id));
    return new Set(needed.filter((one) => one !== undefined && one !== entry) as TocEntry[]);
  }

  /** A table's partitions, theirs too. */
  partitionsOf(table: TocEntry): TocEntry[] {
    const own = this.#partitions.get(table) ?? [];
    return [...own, ...own.flatMap((partition) => this.partitionsOf(partition))];
  }

  parentOf(partition: TocEntry): TocEntry | undefined {
    return this.#parents.get(partition);
  }

  /** The table whose column a sequence belongs to: `ALTER SEQUENCE s.q OWNED BY s.table.column`. */
  ownerOf(ownedBy: TocEntry): TocEntry | undefined {
    return this.#relation(statementOf(ownedBy), 7);
  }

  /** `ALTER TABLE ONLY s.parent ATTACH PARTITION s.child …`: the two of them. */
  #named(attach: TocEntry): (TocEntry | undefined)[] {
    return [3, 8].map((at) => this.#relation(statementOf(attach), at));
  }

  #relation(tokens: readonly SqlToken[], at: number): TocEntry | undefined {
    const [schema, name] = [nameOf(tokens[at]), nameOf(tokens[at + 2])];
    return this.toc.entries.find(
      (entry) => isRelation(entry) && entry.namespace === schema && entry.tag === name,
    );
  }
}

/** `ALTER INDEX s.parent ATTACH PARTITION s.child`: both names, with their schemas. */
export function indexesOf(attach: TocEntry): string[] {
  const tokens = statementOf(attach);
  return [2, 7].map((at) => `${nameOf(tokens[at])}.${nameOf(tokens[at + 2])}`);
}

/** pg_dump writes each name with its schema, so that a name's place is always the same. */
function statementOf({ definition }: TocEntry): SqlToken[] {
  return withoutSpace(splitStatements(definition)[0] ?? []);
}
