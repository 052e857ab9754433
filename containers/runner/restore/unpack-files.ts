import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { HoldfastError } from '../../../contract/errors.ts';
import { WatchedSource } from '../../../vault/watched-source.ts';

/** Names that a dump's directory may hold: flat, and nothing that leads out of it. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;

/**
 * Writes one file of a dump's directory.
 *
 * @throws HoldfastError VAULT_INTEGRITY when the name is not one that pg_dump gives
 */
export async function writeDumpFile(
  directory: string,
  name: string,
  bytes: AsyncIterable<Buffer>,
): Promise<void> {
  if (!FILE_NAME.test(name)) throw strange(`a file called ${JSON.stringify(name)}`);
  // `wx`: a name that comes twice must not replace what was already checked.
  const file = createWriteStream(join(directory, name), { flags: 'wx', mode: 0o600 });
  await pipeline(Readable.from(bytes, { objectMode: false }), file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw strange(`two files ${name}`);
    throw error;
  });
}

/**
 * Unpacks a pack's tar stream into a directory.
 *
 * @returns the names of its files, in order.
 * @throws HoldfastError VAULT_INTEGRITY when it holds anything but plain files with a dump's names
 */
export async function unpackFiles(
  pack: AsyncIterable<Buffer>,
  directory: string,
): Promise<string[]> {
  const names: string[] = [];
  const entries = extract();
  const source = new WatchedSource(pack);
  const feeding = pipeline(Readable.from(source, { objectMode: false }), entries);
  // Awaited only after the loop; a rejection that nobody awaits yet would end the process.
  feeding.catch(() => {});
  try {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      if (type !== 'file') throw strange(`an entry ${JSON.stringify(name)} of type ${type}`);
      await writeDumpFile(directory, name, entry as AsyncIterable<Buffer>);
      names.push(name);
    }
    await feeding;
  } catch (error) {
    await feeding.catch(() => {});
    throw source.failure?.error ?? error;
  }
  return names;
}

function strange(found: string): HoldfastError {
  return new HoldfastError('VAULT_INTEGRITY', `The backup's pack holds ${found}.`, {
    hint: 'Nothing was restored. Use another backup, and find out who wrote this one (CloudTrail).',
  });
}
