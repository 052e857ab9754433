import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { HoldfastError } from '../../../contract/errors.ts';
import { WatchedSource } from '../../../vault/watched-source.ts';

/** The most that PostgreSQL accepts of its data directory: the owner's, and reading by the group. */
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o750;
/** Small pieces are gathered up to this, so that a file's bytes cost few calls. */
const WRITE_BYTES = 1024 * 1024;

/**
 * Unpacks one of a base backup's tars into a directory of our own. It makes plain files and directories
 * and nothing else, below that directory and nowhere else: the tars of pg_basebackup hold no links.
 *
 * @returns number of files
 * @throws HoldfastError VAULT_INTEGRITY for anything else in it
 */
export async function unpackTar(bytes: AsyncIterable<Buffer>, directory: string): Promise<number> {
  let files = 0;
  const made = new Set<string>();
  const entries = extract();
  const source = new WatchedSource(bytes);
  const feeding = pipeline(Readable.from(source, { objectMode: false }), entries);
  // Awaited only after the loop; a rejection that nobody awaits yet would end the process.
  feeding.catch(() => {});
  try {
    for await (const entry of entries) {
      const path = join(directory, safeName(entry.header));
      if (entry.header.type === 'directory') {
        await makeDirectory(path, modeOf(entry.header, DIRECTORY_MODE, 0o700));
        made.add(path);
        entry.resume();
        continue;
      }
      if (!made.has(dirname(path))) {
        await makeDirectory(dirname(path), 0o700);
        made.add(dirname(path));
      }
      await writeEntry(
        path,
        entry as AsyncIterable<Buffer>,
        modeOf(entry.header, FILE_MODE, 0o600),
      );
      files += 1;
    }
    await feeding;
  } catch (error) {
    await feeding.catch(() => {});
    throw source.failure?.error ?? error;
  }
  return files;
}

/** @throws HoldfastError VAULT_INTEGRITY for what is no plain file, or leads out of the directory */
function safeName({ name, type }: Header): string {
  const named = JSON.stringify(name);
  if (type !== 'file' && type !== 'directory') throw strange(`an entry ${named} of type ${type}`);
  const parts = name.replace(/\/$/, '').replace(/^\.\//, '').split('/');
  if (name === './' || name === '.') return '.';
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw strange(`an entry ${named}, which is no place in it`);
  }
  return parts.join('/');
}

function modeOf({ mode = 0 }: Header, most: number, least: number): number {
  return (mode & most) | least;
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}

async function writeEntry(path: string, bytes: AsyncIterable<Buffer>, mode: number): Promise<void> {
  // `wx`: a name that comes twice must not replace what was there, nor follow anything.
  const file = await open(path, 'wx', mode).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') throw strange(`two entries ${JSON.stringify(path)}`);
    throw error;
  });
  try {
    let gathered: Buffer[] = [];
    let length = 0;
    const flush = async (): Promise<void> => {
      if (length > 0) await file.writev(gathered);
      gathered = [];
      length = 0;
    };
    for await (const chunk of bytes) {
      gathered.push(chunk);
      length += chunk.length;
      if (length >= WRITE_BYTES) await flush();
    }
    await flush();
  } finally {
    await file.close();
  }
}

function strange(found: string): HoldfastError {
  return new HoldfastError('VAULT_INTEGRITY', `A tar of the base backup holds ${found}.`, {
    hint: 'Nothing was restored. Use another backup, and find out who wrote this one (CloudTrail).',
  });
}
