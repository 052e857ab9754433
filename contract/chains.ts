import type { PhysicalManifest } from './physical-manifest.ts';

/** What is wrong between a backup and one that it rests on. */
export interface ChainProblem {
  readonly is: 'PARENT_MISSING' | 'PARENT_DAMAGED' | 'PARENT_FOREIGN';
  /** The one that cannot be relied on. */
  readonly label: string;
  readonly parent: string;
  readonly found: string;
}

/** Physical backups by what they rest on: a chain is worth no more than any of its members. */
export class Chains {
  readonly #byLabel: ReadonlyMap<string, PhysicalManifest>;

  /** @param all of one cluster. */
  constructor(all: readonly PhysicalManifest[]) {
    this.#byLabel = new Map(all.map((one) => [one.label, one]));
  }

  /** Labels of the backups that rest on this one, directly or not, oldest first. */
  childrenOf(label: string): string[] {
    return [...this.#byLabel.values()]
      .filter(({ chain }) => chain.includes(label))
      .map((one) => one.label)
      .sort();
  }

  /**
   * Everything that stands between a backup and its restore, as far as manifests tell. Of locks they do
   * not: those of a parent's objects are prolonged, and its manifest stays as it was.
   */
  problemsOf(backup: PhysicalManifest): ChainProblem[] {
    return backup.chain.flatMap((parent, at) => this.#problemsWith(backup, parent, at));
  }

  #problemsWith(backup: PhysicalManifest, label: string, at: number): ChainProblem[] {
    const about = { label: backup.label, parent: label };
    const parent = this.#byLabel.get(label);
    if (parent === undefined) {
      return [{ is: 'PARENT_MISSING', ...about, found: `${label} is not in the vault` }];
    }
    const problems: ChainProblem[] = [];
    if (parent.damage.length > 0) {
      const found = `the pages of ${label} are damaged: ${parent.damage.map(({ file }) => file).join(', ')}`;
      problems.push({ is: 'PARENT_DAMAGED', ...about, found });
    }
    const foreign = foreignness(backup, parent, at);
    if (foreign !== undefined) problems.push({ is: 'PARENT_FOREIGN', ...about, found: foreign });
    return problems;
  }
}

/** @param at the parent's place in the chain, from 0. */
function foreignness(
  backup: PhysicalManifest,
  parent: PhysicalManifest,
  at: number,
): string | undefined {
  const [theirs, ours] = [parent.source.systemIdentifier, backup.source.systemIdentifier];
  if (theirs !== ours) return `${parent.label} is of system ${theirs}, and this one of ${ours}`;
  const expected = backup.chain.slice(0, at).join(' ');
  if (parent.chain.join(' ') !== expected) {
    return `${parent.label} rests on ${parent.chain.join(', ') || 'nothing'}, and not on ${expected || 'nothing'}`;
  }
  return undefined;
}
