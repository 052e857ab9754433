import { readdirSync, statSync } from 'node:fs';

/** What a spool holds, and what is being written into it. */
export class SpoolUse {
  readonly #directory: string;
  /** Sizes at the last look, by path. */
  #sizes = new Map<string, number>();

  /** @param directory of the run: files, and directories of files. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * @param apart path of a file that is counted by itself.
   * @returns blocks that are taken, and how much longer files have become since the last look. Bytes.
   */
  look(apart?: string): { usedBytes: number; apartBytes: number; writtenBytes: number } {
    let usedBytes = 0;
    let apartBytes = 0;
    let writtenBytes = 0;
    const sizes = new Map<string, number>();
    for (const path of filesBelow(this.#directory)) {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found === undefined) continue;
      if (path === apart) apartBytes += found.blocks * 512;
      else usedBytes += found.blocks * 512;
      writtenBytes += found.size - (this.#sizes.get(path) ?? 0);
      sizes.set(path, found.size);
    }
    this.#sizes = sizes;
    return { usedBytes, apartBytes, writtenBytes };
  }
}

function filesBelow(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = `${directory}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
  } catch (error) {
    // A dump that is over takes its directory with it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
