import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { mayPass } from '../../../vault/aws-errors.ts';
import { findWalFile, type WalReader } from '../../../vault/wal/fetch-wal.ts';

/** Segments that lie ready at most: a server that replays is not waited for with a full disk. */
export const MOST_AHEAD = 8;
/** In the directory: the segment that the server last asked for and did not find there. */
export const ASKED = 'asked';
const LOOK_MS = 50;
/** Between two tries where the vault is away. Milliseconds. */
const AWAY_MS = 1_000;

export interface WalAheadOptions {
  readonly reader: WalReader;
  /** Whole segments, in the order in which a server asks for them. */
  readonly names: readonly string[];
  /** Of our own; made, and removed at the end. */
  readonly directory: string;
  /** @default MOST_AHEAD */
  readonly most?: number;
}

/**
 * Fetches WAL before the server asks for it, so that it need not wait for the vault, nor for a program to
 * start. It takes what lies ready by renaming it; what does not, it fetches by itself, and learns by that
 * what is wrong with it. So a failure here ends the fetching ahead, and nothing else; one that may pass does not even that.
 */
export class WalAhead {
  readonly #options: WalAheadOptions;
  /** Of each name. */
  readonly #places: ReadonlyMap<string, number>;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  private constructor(options: WalAheadOptions) {
    this.#options = options;
    this.#places = new Map(options.names.map((name, at) => [name, at]));
    this.#done = this.#fetchAll().catch(() => {});
  }

  static async start(options: WalAheadOptions): Promise<WalAhead> {
    await mkdir(options.directory, { mode: 0o700 });
    return new WalAhead(options);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  async #fetchAll(): Promise<void> {
    const { reader, names, directory } = this.#options;
    const fetching = { ...reader, signal: this.#stop.signal };
    for (const [at, name] of names.entries()) {
      await this.#untilRoom();
      while (at > (await this.#askedFor()) && !(await this.#fetched(fetching, name, directory))) {
        await sleep(AWAY_MS, undefined, { signal: this.#stop.signal });
      }
    }
  }

  /** @returns `false`: the vault is away. */
  async #fetched(reader: WalReader, name: string, directory: string): Promise<boolean> {
    try {
      await fetchAside(reader, name, directory);
      return true;
    } catch (error) {
      if (!mayPass(error)) throw error;
      return false;
    }
  }

  /** Waits until fewer lie ready than may, and removes those that the server has got elsewhere. */
  async #untilRoom(): Promise<void> {
    const { directory, most = MOST_AHEAD } = this.#options;
    for (;;) {
      this.#stop.signal.throwIfAborted();
      const ready = (await readdir(directory)).filter((name) => this.#places.has(name));
      const asked = await this.#askedFor();
      const passed = ready.filter((name) => this.#placeOf(name) <= asked);
      for (const name of passed) await rm(join(directory, name), { force: true });
      if (ready.length - passed.length < most) return;
      await sleep(LOOK_MS, undefined, { signal: this.#stop.signal });
    }
  }

  /** Place of the segment that was last asked for in vain; −1: none was. */
  async #askedFor(): Promise<number> {
    const { directory } = this.#options;
    return this.#placeOf(await readFile(join(directory, ASKED), 'utf8').catch(() => ''));
  }

  #placeOf(name: string): number {
    return this.#places.get(name) ?? -1;
  }
}

/**
 * Fetches a WAL file into a directory, where it is whole once it has its name; nothing if it is not there.
 * Until then it has one that nobody else writes under: what another began, and is still writing, would
 * get its name with a hole in it, which PostgreSQL takes for the end of WAL.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function fetchAside(
  reader: WalReader,
  name: string,
  directory: string,
): Promise<void> {
  const file = await findWalFile(reader, name);
  if (file === undefined) return;
  const aside = join(directory, `.${name}.${randomUUID()}`);
  try {
    await pipeline(
      Readable.from(file.read(), { objectMode: false }),
      createWriteStream(aside, { flags: 'wx', mode: 0o600, flush: true }),
    );
    await rename(aside, join(directory, name));
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
