import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../contract/errors.ts';

/** What was noted longer ago is pushed once more: the vault knows it, and says so. Milliseconds. */
const REMEMBERED_MS = 60 * 60 * 1000;

/**
 * Remembers what was pushed before the server asked for it, by the hash of the content: a note says
 * that the vault has these bytes under that name, whatever has become of the server since.
 */
export class PushMemory {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * @param directory made if it is not there; nobody else may write into it.
   * @param scope everything that makes a name another one: environment, cluster, system.
   * @throws HoldfastError ENVIRONMENT_INVALID
   */
  static async open(directory: string, scope: readonly string[]): Promise<PushMemory> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const found = await lstat(directory);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
      throw new HoldfastError(
        'ENVIRONMENT_INVALID',
        `${directory} is no directory that only this user can write into.`,
        { hint: 'Remove it, or give another one by --state.' },
      );
    }
    const own = join(directory, createHash('sha256').update(scope.join('\n')).digest('hex'));
    await mkdir(own, { recursive: true, mode: 0o700 });
    return new PushMemory(own);
  }

  /** Whether the vault has exactly these bytes under that name. */
  async has(name: string, bytes: Buffer): Promise<boolean> {
    const path = join(this.#directory, name);
    try {
      if (Date.now() - (await stat(path)).mtimeMs > REMEMBERED_MS) return false;
      return (await readFile(path, 'utf8')) === sha256(bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async note(name: string, bytes: Buffer): Promise<void> {
    await writeFile(join(this.#directory, name), sha256(bytes), { mode: 0o600 });
  }

  async forget(name: string): Promise<void> {
    await rm(join(this.#directory, name), { force: true });
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
