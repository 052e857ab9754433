import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { type TarEntry, type TarVisitor, TarWalker } from '../tar-walker.ts';
import { Decompressor } from './decompress.ts';
import type { UnpackPlace } from './unpack-orders.ts';

/** The most that PostgreSQL accepts of its data directory: the owner's, and reading by the group. */
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o750;
/** An entry's type. */
const FILE = '0';
const DIRECTORY = '5';

/**
 * Unpacks one of a base backup's tars into a directory of our own. It makes plain files and directories
 * and nothing else, below that directory and nowhere else: the tars of pg_basebackup hold no links.
 *
 * It waits for each call to the file system, so it belongs into a thread of its own.
 */
export class TarUnpacker {
  readonly #directory: string;
  readonly #leftOut: ReadonlySet<string>;
  readonly #made = new Set<string>();
  readonly #walker = new TarWalker(this.#visitor());
  readonly #plain = new Decompressor((piece) => this.#walk(() => this.#walker.take(piece)));
  #files = 0;
  #file: number | undefined;

  constructor({ directory, leftOut }: UnpackPlace) {
    this.#directory = directory;
    this.#leftOut = new Set(leftOut);
  }

  /** @throws HoldfastError VAULT_INTEGRITY for what is no tar, or for anything else in it */
  async take(bytes: Buffer): Promise<void> {
    await this.#plain.take(bytes);
  }

  /**
   * @returns number of files
   * @throws HoldfastError VAULT_INTEGRITY when it is cut off
   */
  async end(): Promise<number> {
    await this.#plain.end();
    this.#walk(() => this.#walker.end());
    return this.#files;
  }

  #visitor(): TarVisitor {
    return {
      begin: (entry) => this.#begin(entry),
      content: (piece) => this.#write(piece),
      end: () => this.#close(),
    };
  }

  /** What the walker itself finds is no error of the file system's. */
  #walk(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof HoldfastError || (error as NodeJS.ErrnoException).code !== undefined) {
        throw error;
      }
      throw broken(error as Error);
    }
  }

  #begin(entry: TarEntry): void {
    const name = safeName(entry);
    if (this.#leftOut.has(name)) return;
    const path = join(this.#directory, name);
    if (entry.type === DIRECTORY) {
      this.#makeDirectory(path, modeOf(entry, DIRECTORY_MODE, 0o700));
      return;
    }
    this.#makeDirectory(dirname(path), 0o700);
    this.#file = openNew(path, modeOf(entry, FILE_MODE, 0o600));
    this.#files += 1;
  }

  #makeDirectory(path: string, mode: number): void {
    if (this.#made.has(path)) return;
    mkdirSync(path, { recursive: true, mode });
    this.#made.add(path);
  }

  #write(piece: Buffer): void {
    if (this.#file === undefined) return;
    for (let at = 0; at < piece.length; ) at += writeSync(this.#file, piece, at);
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** @throws HoldfastError VAULT_INTEGRITY for what is no plain file, or leads out of the directory */
function safeName({ name, type }: TarEntry): string {
  const named = JSON.stringify(name);
  if (type !== FILE && type !== DIRECTORY) throw strange(`an entry ${named} of type "${type}"`);
  const parts = name.replace(/\/$/, '').replace(/^\.\//, '').split('/');
  if (name === './' || name === '.') return '.';
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw strange(`an entry ${named}, which is no place in it`);
  }
  return parts.join('/');
}

function modeOf({ mode }: TarEntry, most: number, least: number): number {
  return (mode & most) | least;
}

function openNew(path: string, mode: number): number {
  try {
    // `wx`: a name that comes twice must not replace what was there, nor follow anything.
    return openSync(path, 'wx', mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw strange(`two entries ${JSON.stringify(path)}`);
  }
}

function strange(found: string): HoldfastError {
  return new HoldfastError('VAULT_INTEGRITY', `A tar of the base backup holds ${found}.`, {
    hint: 'Nothing was restored. Use another backup, and find out who wrote this one (CloudTrail).',
  });
}

function broken(cause: Error): HoldfastError {
  return new HoldfastError(
    'VAULT_INTEGRITY',
    `A tar of the base backup is not whole: ${cause.message}.`,
    { hint: 'Nothing was restored. Use another backup, and report this one.', cause },
  );
}
