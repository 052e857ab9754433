import type { DumpToc, TocEntry } from '../dump-toc.ts';
import { isKeyword, nameOf, type SqlToken, splitStatements, withoutSpace } from '../sql-tokens.ts';
import { isRelation } from './table-names.ts';

/** A table of contents as a graph: who needs whom, whose partition is what, and who inherits from whom. */
export class TocGraph {
  readonly toc: DumpToc;
  readonly #byId: ReadonlyMap<number, TocEntry>;
  /** Partitions, and tables that inherit, by their parents. */
  readonly #children = new Map<TocEntry, TocEntry[]>();
  /** Of partitions alone. */
  readonly #parents = new Map<TocEntry, TocEntry>();

  constructor(toc: DumpToc) {
    this.toc = toc;
    this.#byId = new Map(toc.entries.map((entry) => [entry.dumpId, entry]));
    for (const attach of toc.entries.filter(({ desc }) => desc === 'TABLE ATTACH')) {
      const [parent, child] = this.#named(attach);
      if (parent === undefined || child === undefined) continue;
      this.#add(parent, child);
      this.#parents.set(child, parent);
    }
    for (const child of toc.entries.filter(({ desc }) => /^(FOREIGN )?TABLE$/.test(desc))) {
      for (const parent of this.#inheritedBy(child)) this.#add(parent, child);
    }
  }

  /** What an entry needs, of what the dump holds; each once. */
  needs(entry: TocEntry): Set<TocEntry> {
    const needed = entry.dependencies.map((id) => this.#byId.get(id));
    return new Set(needed.filter((one) => one !== undefined && one !== entry) as TocEntry[]);
  }

  /** A table's partitions and the tables that inherit from it, theirs too. */
  descendantsOf(table: TocEntry): TocEntry[] {
    const own = this.#children.get(table) ?? [];
    return [...own, ...own.flatMap((child) => this.descendantsOf(child))];
  }

  /**
   * These with their descendants, without which they lack rows that reading them shows. A foreign table
   * that inherits has no rows of its own, and needs a server: it comes if it is asked for.
   */
  withDescendants(tables: ReadonlySet<TocEntry>): Set<TocEntry> {
    const family = [...tables].flatMap((table) => [table, ...this.descendantsOf(table)]);
    return new Set(
      family.filter((one) => tables.has(one) || one.desc === 'TABLE' || this.#parents.has(one)),
    );
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

  /** `CREATE TABLE s.child (…) INHERITS (s.parent, s.other)`: the parents. */
  #inheritedBy(child: TocEntry): TocEntry[] {
    if (!child.definition.includes('INHERITS')) return [];
    const tokens = statementOf(child);
    // Behind the columns, among which there may be one of that name.
    const at = tokens.findIndex(
      (token, here) => isKeyword(token, 'INHERITS') && tokens[here - 1]?.text === ')',
    );
    const parents: TocEntry[] = [];
    for (let name = at + 2; at >= 0; name += 4) {
      const parent = this.#relation(tokens, name);
      if (parent !== undefined) parents.push(parent);
      if (tokens[name + 3]?.text !== ',') break;
    }
    return parents;
  }

  #add(parent: TocEntry, child: TocEntry): void {
    this.#children.set(parent, [...(this.#children.get(parent) ?? []), child]);
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
