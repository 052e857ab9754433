import type { DumpToc } from '../dump-toc.ts';
import { assertExtensions, type TargetFacts } from '../preflight.ts';
import type { Selection } from '../select-entries.ts';
import { type ChosenEntries, chooseEntries } from './choose-entries.ts';
import type { ChosenNames } from './table-names.ts';

/**
 * What of a dump is to be restored: all of it, unless something was chosen.
 *
 * @throws HoldfastError TABLE_UNKNOWN; RESTORE_REFUSED when the target lacks an extension that what
 * was chosen needs
 */
export function choose(
  toc: DumpToc,
  chosen: ChosenNames | undefined,
  facts: Pick<TargetFacts, 'extensions'>,
): ChosenEntries {
  if (chosen === undefined) return { toc, notRestored: [] };
  const choice = chooseEntries(toc, chosen);
  const extensions = choice.toc.entries.filter(({ desc }) => desc === 'EXTENSION');
  assertExtensions(
    facts,
    toc.database,
    extensions.map(({ tag }) => tag),
  );
  return choice;
}

/** The same selection with its entries listed one by one: `pg_restore` would take all otherwise. */
export function listed(selection: Selection, { entries }: DumpToc): Selection {
  return { ...selection, dumpIds: selection.dumpIds ?? entries.map(({ dumpId }) => dumpId) };
}
