import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../contract/errors.ts';

/** What was noted longer ago is pushed once more: the vault knows it, and says so. Milliseconds. */
const REMEMBERED_MS = 60 * 60 * 1000;
/** So long it is taken for granted that the environment's bucket is still the one that it was. Milliseconds. */
const BUCKET_KNOWN_MS = 60 * 1000;
/** Holds the name of the environment's bucket: no file of WAL is called so. */
const BUCKET = 'bucket';

/**
 * Remembers what was pushed before the server asked for it, by the hash of the content: a note says
 * that this bucket has these bytes under that name, whatever has become of the server since. It cannot
 * become untrue: what was pushed is locked for longer than it is remembered.
 */
export class PushMemory {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * @param directory made if it is not there; nobody else may write into it.
   * @param scope everything that makes a name another one: environment, account and Region, cluster, system.
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

  /** The environment's bucket, where AWS was asked for it a short while ago. */
  async bucket(): Promise<string | undefined> {
    return await this.#readYoung(BUCKET, BUCKET_KNOWN_MS);
  }

  /** @param bucket as AWS has just told it. */
  async noteBucket(bucket: string): Promise<void> {
    await this.#write(BUCKET, bucket);
  }

  /** Whether that bucket has exactly these bytes under that name. */
  async has(bucket: string, name: string, bytes: Buffer): Promise<boolean> {
    return (await this.#readYoung(name, REMEMBERED_MS)) === noteOf(bucket, bytes);
  }

  async note(bucket: string, name: string, bytes: Buffer): Promise<void> {
    await this.#write(name, noteOf(bucket, bytes));
  }

  async forget(name: string): Promise<void> {
    await rm(join(this.#directory, name), { force: true });
  }

  async #readYoung(name: string, mostMs: number): Promise<string | undefined> {
    const path = join(this.#directory, name);
    try {
      // One of the future is as wrong as one that is old: the clock has been set.
      const age = Date.now() - (await stat(path)).mtimeMs;
      return age > mostMs || age < -mostMs ? undefined : await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #write(name: string, text: string): Promise<void> {
    await writeFile(join(this.#directory, name), text, { mode: 0o600 });
  }
}

function noteOf(bucket: string, bytes: Buffer): string {
  return `${sha256(bytes)} ${bucket}`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
