import type { TocEntry } from '../dump-toc.ts';
import type { NotRestored } from '../not-restored.ts';
import { nameOfEntry } from '../select-entries.ts';
import type { TocGraph } from './toc-graph.ts';

/**
 * Views that read what was chosen, and views of these: `DROP TABLE … CASCADE` took them along, and
 * whoever brings the table back has to know of them.
 */
export function viewsLeftOut(
  graph: TocGraph,
  chosen: ReadonlySet<TocEntry>,
  taken: ReadonlySet<TocEntry>,
): NotRestored[] {
  const { entries } = graph.toc;
  const views = entries.filter(
    (entry) => /^(MATERIALIZED )?VIEW$/.test(entry.desc) && !taken.has(entry),
  );
  const needs = new Map(views.map((view) => [view, graph.needs(view)]));
  // One that groups by a key is dumped as an empty view, and what it reads, as a rule at the end.
  for (const rule of entries.filter(({ desc }) => desc === 'RULE')) {
    for (const view of graph.needs(rule)) {
      if (rule.tag !== `${view.tag} _RETURN`) continue;
      for (const needed of graph.needs(rule)) needs.get(view)?.add(needed);
    }
  }
  const read = new Set(chosen);
  let before: number;
  do {
    before = read.size;
    for (const view of views) {
      if ([...(needs.get(view) ?? [])].some((needed) => read.has(needed))) read.add(view);
    }
  } while (read.size > before);
  return views
    .filter((view) => read.has(view))
    .map((view) => ({
      what: nameOfEntry(view),
      why: 'it reads what was chosen, and was not chosen itself',
    }));
}
