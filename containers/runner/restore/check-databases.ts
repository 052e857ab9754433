import { HoldfastError } from '../../../contract/errors.ts';
import type { DatabaseEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import { findDatabase, onlyByHand } from './find-database.ts';
import { checkDatabase, refused, type TargetFacts } from './preflight.ts';

/**
 * Finds the databases that are asked for; all when none is.
 *
 * @throws HoldfastError DATABASE_UNKNOWN, RESTORE_REFUSED
 */
export function findDatabases(
  manifest: LogicalManifest,
  names: readonly string[] | undefined,
): DatabaseEntry[] {
  if (names === undefined && manifest.dumpAll !== null) {
    throw onlyByHand(manifest.dumpAll, 'this command cannot restore it');
  }
  const wanted = names ?? manifest.databases.map(({ name }) => name);
  return [...new Set(wanted)].map((name) => findDatabase(manifest, name));
}

/**
 * Checks all databases before the first is touched, and names everything that stands in the way at
 * once.
 *
 * @param empty databases on the target that may give way, because nothing is in them.
 * @throws HoldfastError RESTORE_REFUSED
 */
export function checkDatabases(
  facts: TargetFacts,
  entries: readonly DatabaseEntry[],
  { replace, empty }: { readonly replace: boolean; readonly empty: ReadonlySet<string> },
): void {
  const found = entries.flatMap((entry): HoldfastError[] => {
    const { name } = entry;
    try {
      checkDatabase(facts, entry, { name, replace: replace || empty.has(name) });
      return [];
    } catch (error) {
      if (error instanceof HoldfastError) return [error];
      throw error;
    }
  });
  const [first] = found;
  if (first === undefined) return;
  const existing = entries
    .map(({ name }) => name)
    .filter((name) => facts.databases.has(name) && !replace && !empty.has(name));
  const others = found.filter(({ message }) => !message.endsWith('exists on the target.'));
  const messages = others.map(({ message }) => message);
  if (existing.length > 0)
    messages.unshift(`The target has databases of these names: ${existing.join(', ')}.`);
  const hint =
    existing.length > 0
      ? 'Nothing was touched. Restore into an empty server, or in their place with --replace, which keeps the old ones under other names; or choose with --database.'
      : first.hint;
  throw refused(messages.join(' '), hint);
}
