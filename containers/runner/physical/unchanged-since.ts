import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';

/** Nothing has been written since the parent: it is the backup that was asked for. A result, no failure. */
export class UnchangedSince extends Error {
  readonly parent: PhysicalManifest;

  constructor(parent: PhysicalManifest) {
    super(`nothing was written since ${parent.label}`);
    this.parent = parent;
  }
}
