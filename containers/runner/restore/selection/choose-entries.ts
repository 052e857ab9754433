import type { DumpToc, TocEntry } from '../dump-toc.ts';
import type { NotRestored } from '../not-restored.ts';
import { nameOfEntry } from '../select-entries.ts';
import { largeObjectsLeftOut } from './large-objects-left-out.ts';
import { type ChosenNames, findRelations, isRelation } from './table-names.ts';
import { indexesOf, TocGraph } from './toc-graph.ts';
import { viewsLeftOut } from './views-left-out.ts';

export interface ChosenEntries {
  /** The dump's table of contents, as if it held nothing else. */
  readonly toc: DumpToc;
  readonly notRestored: readonly NotRestored[];
}

/** What belongs to one table, and is called `<table> <name>`. */
const OF_A_TABLE = new Set([
  'CHECK CONSTRAINT',
  'CONSTRAINT',
  'DEFAULT',
  'FK CONSTRAINT',
  'POLICY',
  'RULE',
  'TRIGGER',
]);
/** What belongs to the one relation that it needs. */
const OF_WHAT_IT_NEEDS = new Set([
  'INDEX',
  'MATERIALIZED VIEW DATA',
  'ROW SECURITY',
  'STATISTICS',
  'TABLE DATA',
]);
/** What is said of whatever is restored. */
const SAID_OF_IT = new Set(['ACL', 'COMMENT', 'SECURITY LABEL', 'SEQUENCE SET', 'STATISTICS DATA']);
/** What makes the database itself, and sessions in it. */
const ALWAYS = new Set(['DATABASE', 'DATABASE PROPERTIES', 'ENCODING', 'SEARCHPATH', 'STDSTRINGS']);

/**
 * Chooses tables or schemas out of a dump with all that belongs to them (rows, defaults, sequences,
 * indexes, constraints, triggers, policies, grants, comments, statistics, partitions, tables that
 * inherit) and all that these need (schemas, types, functions, extensions). What needs another table,
 * foreign keys above all, is left out and named; so are views of what was chosen, and rows of a table
 * that is only there because another needs it.
 *
 * `pg_restore --table` brings neither an index nor a constraint.
 *
 * @throws HoldfastError TABLE_UNKNOWN
 */
export function chooseEntries(toc: DumpToc, names: ChosenNames): ChosenEntries {
  return new Choice(toc, names).made();
}

class Choice {
  readonly #graph: TocGraph;
  readonly #toc: DumpToc;
  /** Relations that come with their rows. */
  readonly #chosen: Set<TocEntry>;
  readonly #taken = new Set<TocEntry>();
  readonly #notRestored: NotRestored[] = [];

  constructor(toc: DumpToc, names: ChosenNames) {
    this.#toc = toc;
    this.#graph = new TocGraph(toc);
    const found = findRelations(toc, names);
    this.#chosen = this.#graph.withDescendants(found);
    for (const relation of this.#chosen) this.#take(relation);
    const schemas = new Set(names.schemas);
    for (const entry of toc.entries) {
      if (entry.desc === 'SCHEMA' ? schemas.has(entry.tag) : this.#isFreeIn(schemas, entry)) {
        this.#take(entry);
      }
    }
  }

  made(): ChosenEntries {
    this.#takeSequences();
    for (const entry of this.#toc.entries) this.#takeIfItBelongs(entry);
    this.#takeSequences();
    this.#takeSchemas();
    this.#takeAttachments();
    this.#takeCasts();
    for (const entry of this.#toc.entries) {
      if (ALWAYS.has(entry.desc)) this.#taken.add(entry);
      else if (SAID_OF_IT.has(entry.desc) && this.#isSaidOfTaken(entry)) this.#taken.add(entry);
    }
    this.#tellOfEmptyOnes();
    this.#tellOfForeignOnes();
    this.#notRestored.push(...largeObjectsLeftOut(this.#toc, this.#chosen));
    this.#notRestored.push(...viewsLeftOut(this.#graph, this.#chosen, this.#taken));
    return {
      toc: { ...this.#toc, entries: this.#toc.entries.filter((entry) => this.#taken.has(entry)) },
      notRestored: this.#notRestored,
    };
  }

  /** Functions, types and the like in a chosen schema: nothing else brings them. */
  #isFreeIn(schemas: ReadonlySet<string>, { desc, namespace }: TocEntry): boolean {
    return (
      schemas.has(namespace) &&
      !OF_A_TABLE.has(desc) &&
      !OF_WHAT_IT_NEEDS.has(desc) &&
      !SAID_OF_IT.has(desc) &&
      !/ATTACH$|^SEQUENCE|^PUBLICATION|^SUBSCRIPTION|^DEFAULT ACL$/.test(desc)
    );
  }

  /** Takes an entry with all that it needs. */
  #take(entry: TocEntry): void {
    if (this.#taken.has(entry)) return;
    this.#taken.add(entry);
    for (const needed of this.#graph.needs(entry)) {
      // A sequence needs its table only to end with it, and a partition can do without its parent.
      if (entry.desc === 'SEQUENCE' && !this.#isIdentity(entry) && isRelation(needed)) continue;
      if (this.#graph.parentOf(entry) === needed) continue;
      this.#take(needed);
    }
  }

  #isIdentity({ definition }: TocEntry): boolean {
    return definition.includes('AS IDENTITY');
  }

  #takeIfItBelongs(entry: TocEntry): void {
    const owner = this.#ownerOf(entry);
    if (owner === undefined) {
      this.#tellOfReference(entry);
      return;
    }
    const needs = [...this.#graph.needs(entry)].filter((needed) => !this.#ofAParent(entry, needed));
    const behind = entry.desc === 'MATERIALIZED VIEW DATA' ? [...this.#graph.needs(owner)] : [];
    const alien = [...needs, ...behind].find((needed) => this.#isOutside(needed));
    if (alien !== undefined) {
      const why = `it needs ${nameOfEntry(alien)}, which was not chosen`;
      this.#notRestored.push({ what: nameOfEntry(entry), why, ...statementOf(entry) });
      return;
    }
    this.#taken.add(entry);
    for (const needed of needs) this.#take(needed);
    if (/\bEXCLUDE USING\b/.test(entry.definition)) this.#takeOperators();
  }

  /** Which operators an exclusion needs is not in the dump: those of any extension may be among them. */
  #takeOperators(): void {
    for (const entry of this.#toc.entries) {
      if (/^(EXTENSION|OPERATOR CLASS)$/.test(entry.desc)) this.#take(entry);
    }
  }

  /** A foreign key of another table to a chosen one. */
  #tellOfReference(entry: TocEntry): void {
    if (entry.desc !== 'FK CONSTRAINT') return;
    if (![...this.#graph.needs(entry)].some((needed) => this.#chosen.has(needed))) return;
    const why = 'its own table was not chosen';
    this.#notRestored.push({ what: nameOfEntry(entry), why, ...statementOf(entry) });
  }

  /** A partition's index can be made without its parent's. */
  #ofAParent(entry: TocEntry, needed: TocEntry): boolean {
    return /^(INDEX|CONSTRAINT)$/.test(entry.desc) && /^(INDEX|CONSTRAINT)$/.test(needed.desc);
  }

  /** Whether it belongs to a table that does not come with its rows. */
  #isOutside(needed: TocEntry): boolean {
    if (isRelation(needed)) return needed.desc !== 'SEQUENCE' && !this.#chosen.has(needed);
    if (/^(CONSTRAINT|INDEX|INDEX ATTACH|TABLE ATTACH)$/.test(needed.desc)) {
      return ![...this.#graph.needs(needed)].some((one) => this.#chosen.has(one));
    }
    return false;
  }

  #ownerOf(entry: TocEntry): TocEntry | undefined {
    const needs = [...this.#graph.needs(entry)];
    if (OF_WHAT_IT_NEEDS.has(entry.desc)) return needs.find((one) => this.#chosen.has(one));
    if (!OF_A_TABLE.has(entry.desc)) return undefined;
    const ofDomain = needs.find((one) => one.desc === 'DOMAIN' && this.#taken.has(one));
    if (entry.desc.endsWith('CONSTRAINT') && ofDomain !== undefined) {
      if (entry.tag.startsWith(`${ofDomain.tag} `)) return ofDomain;
    }
    return [...this.#chosen].find(
      ({ namespace, tag }) => namespace === entry.namespace && entry.tag.startsWith(`${tag} `),
    );
  }

  /** Those that chosen tables own or are numbered by. */
  #takeSequences(): void {
    for (const entry of this.#toc.entries) {
      const needs = this.#graph.needs(entry);
      if (entry.desc === 'SEQUENCE' && this.#isIdentity(entry)) {
        if ([...needs].some((one) => this.#chosen.has(one))) this.#take(entry);
      } else if (entry.desc === 'SEQUENCE OWNED BY') {
        const owner = this.#graph.ownerOf(entry);
        if (owner !== undefined && this.#chosen.has(owner)) this.#take(entry);
      }
    }
  }

  #takeSchemas(): void {
    const used = new Set([...this.#taken].map(({ namespace }) => namespace));
    for (const entry of this.#toc.entries) {
      if (entry.desc === 'SCHEMA' && used.has(entry.tag)) this.#taken.add(entry);
    }
  }

  #takeAttachments(): void {
    const indexes = new Set<string>();
    for (const { desc, namespace, tag } of this.#taken) {
      if (desc === 'INDEX') indexes.add(`${namespace}.${tag}`);
      if (desc !== 'CONSTRAINT') continue;
      // Its name stands behind its table's, and either may hold blanks.
      for (const table of this.#chosen) {
        if (table.namespace === namespace && tag.startsWith(`${table.tag} `)) {
          indexes.add(`${namespace}.${tag.slice(table.tag.length + 1)}`);
        }
      }
    }
    for (const entry of this.#toc.entries) {
      const { desc } = entry;
      const whole =
        desc === 'INDEX ATTACH'
          ? indexesOf(entry).every((name) => indexes.has(name))
          : desc === 'TABLE ATTACH' &&
            [...this.#graph.needs(entry)].every((one) => this.#taken.has(one));
      if (whole) this.#taken.add(entry);
      else if (desc === 'TABLE ATTACH') this.#tellOfPartition(entry);
    }
  }

  #tellOfPartition(attach: TocEntry): void {
    const needs = [...this.#graph.needs(attach)];
    const partition = needs.find((one) => this.#chosen.has(one));
    const parent = needs.find((one) => one !== partition);
    if (partition === undefined || parent === undefined) return;
    if (this.#graph.parentOf(partition) !== parent) return;
    this.#notRestored.push({
      what: nameOfEntry(attach),
      why: `it is restored as a table of its own: ${nameOfEntry(parent)} was not chosen`,
    });
  }

  /** A default may be written as a cast, and needs only its function by the dump's word. */
  #takeCasts(): void {
    for (const entry of this.#toc.entries.filter(({ desc }) => desc === 'CAST')) {
      const needs = [...this.#graph.needs(entry)];
      if (needs.length > 0 && needs.every((one) => this.#taken.has(one))) this.#taken.add(entry);
    }
  }

  #isSaidOfTaken(entry: TocEntry): boolean {
    const needs = [...this.#graph.needs(entry)];
    return needs.some((one) => this.#taken.has(one) && !ALWAYS.has(one.desc));
  }

  #tellOfEmptyOnes(): void {
    for (const entry of this.#taken) {
      if (entry.desc !== 'TABLE' || this.#chosen.has(entry)) continue;
      this.#notRestored.push({
        what: `rows, indexes and constraints of ${nameOfEntry(entry)}`,
        why: 'it was not chosen, and is there because what was chosen needs it',
      });
    }
  }

  #tellOfForeignOnes(): void {
    const family = new Set([...this.#chosen].flatMap((one) => this.#graph.descendantsOf(one)));
    for (const entry of family) {
      if (this.#chosen.has(entry)) continue;
      this.#notRestored.push({
        what: nameOfEntry(entry),
        why: 'it inherits from what was chosen, and was not chosen itself',
      });
    }
  }
}

/** A foreign key is names alone; what else is left out may hold values. */
function statementOf({ desc, definition }: TocEntry): { statement?: string } {
  if (desc !== 'FK CONSTRAINT') return {};
  return { statement: definition.trim().replace(/\n +ADD CONSTRAINT /, ' ADD CONSTRAINT ') };
}
