import { setTimeout as sleep } from 'node:timers/promises';
import { buildPackInventory, PACK_INVENTORY } from '../../../contract/pack-inventory.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import { type PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import type { Child, ChildExit } from '../process/child.ts';
import { FileTail } from './file-tail.ts';
import { type ObservedFile, observeDirectory } from './observe-directory.ts';
import { PackWriter } from './pack-writer.ts';
import type { SpoolGuard } from './spool-guard.ts';

/** Pause between two looks at the directory, ms. */
const LOOK_EVERY_MS = 20;
/** A file that outgrows this while it is written gets artifacts of its own. */
const PACK_BELOW_BYTES = 16 * 1024 * 1024;

export interface SpoolPolicy {
  readonly capBytes: number;
  /** Whether the spool's file system can free the start of a file. */
  readonly punchHole: boolean;
  /** What a dump may write in a second, bytes; the guard sees to it for those that go through the spool. */
  readonly maxBytesPerSecond: number | undefined;
  readonly guard: SpoolGuard;
}

export interface DumpStreamOptions {
  readonly child: Child;
  /** Absolute, without symbolic links: as /proc shows it. */
  readonly directory: string;
  /** What the artifacts' names begin with, such as `db-16384`. */
  readonly prefix: string;
  /** Parallel workers of the dump. */
  readonly jobs: number;
  readonly vault: BackupVault;
  readonly spool: SpoolPolicy;
  /** Files that are packed whatever their size, because `onPacked` has to look into them. */
  readonly alwaysPacks: (name: string) => boolean;
  /** Told of each packed file before it is removed. */
  readonly onPacked: (name: string, path: string) => void | Promise<void>;
  /** What to throw when the leader ended with anything but exit status 0. */
  readonly failure: (exit: ChildExit) => Error;
}

/** All that a dump wrote, in S3, and visible to nobody yet. */
export interface StreamedDump {
  readonly pack: PendingStream;
  /** Big files, by name. */
  readonly files: ReadonlyMap<string, PendingStream>;
}

/**
 * Uploads a directory that a process group is still writing. Ends when the group is gone, its leader
 * exited 0, and every byte is acknowledged; whether the files are all that the dump promises is for
 * the caller to judge. When it throws, the group may still live: the caller stops it.
 */
export class DumpStream {
  readonly #options: DumpStreamOptions;
  readonly #pack: PackWriter;
  readonly #tails = new Map<string, FileTail>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #files = new Map<string, PendingStream>();
  /** Closed files that wait in the pack's queue. */
  readonly #packed = new Map<string, ObservedFile>();
  readonly #packBelow: number;
  readonly #maxTails: number;
  #failure: { readonly reason: unknown } | undefined;
  #groupGone = false;

  constructor(options: DumpStreamOptions) {
    this.#options = options;
    this.#packBelow = Math.min(PACK_BELOW_BYTES, options.spool.capBytes / 16);
    // One more than there are workers: with as many, a closed file could wait for open ones to end
    // while their writers are stopped because that file fills the spool.
    this.#maxTails = options.jobs + 1;
    this.#pack = new PackWriter({
      directory: options.directory,
      upload: new StreamUpload(options.vault, `${options.prefix}/pack.tar`),
      onPacked: options.onPacked,
      // Not before the file is gone: the next look would take it for a new one.
      onRemoved: (name) => this.#packed.delete(name),
    });
  }

  async run(): Promise<StreamedDump> {
    const { child, vault, spool } = this.#options;
    const release = spool.guard.watch(child.pid);
    void child.groupGone().then((exit) => {
      if (exit.code !== 0) this.#failure ??= { reason: this.#options.failure(exit) };
      this.#groupGone = true;
    });
    try {
      await this.#followUntilGone();
      await Promise.all(this.#running.values());
      const pack = await this.#pack.finish(packInventory(this.#files));
      this.#throwIfFailed();
      return { pack, files: this.#files };
    } catch (error) {
      this.#pack.abort(error);
      vault.signal.throwIfAborted();
      throw error;
    } finally {
      release();
    }
  }

  async #followUntilGone(): Promise<void> {
    for (;;) {
      this.#options.vault.signal.throwIfAborted();
      // Read before the look: what the look shows is final if the group was gone before it.
      const last = this.#groupGone;
      const files = observeDirectory(
        this.#options.directory,
        last ? undefined : this.#options.child.pid,
        this.#packed,
      );
      for (const file of files) this.#take(file);
      this.#throwIfFailed();
      const waiting = files.some(
        (file) => !this.#tails.has(file.name) && !this.#packed.has(file.name),
      );
      if (last && !waiting) return;
      await sleep(LOOK_EVERY_MS);
    }
  }

  #take(file: ObservedFile): void {
    const tail = this.#tails.get(file.name);
    if (tail !== undefined) {
      tail.advance(file.size, !file.open);
    } else if (this.#packed.has(file.name)) {
      return;
    } else if (file.size > this.#packBelow && !this.#options.alwaysPacks(file.name)) {
      if (this.#running.size < this.#maxTails) this.#startTail(file);
    } else if (!file.open) {
      this.#packed.set(file.name, file);
      this.#pack.add(file.name, file.size);
    }
  }

  #startTail(file: ObservedFile): void {
    const { directory, prefix, vault, spool } = this.#options;
    const tail = new FileTail({
      path: `${directory}/${file.name}`,
      upload: new StreamUpload(vault, `${prefix}/${file.name}`),
      punchEvery: spool.punchHole ? Math.max(1024 * 1024, spool.capBytes / 32) : undefined,
    });
    tail.advance(file.size, !file.open);
    this.#tails.set(file.name, tail);
    const running = tail
      .run(vault.signal)
      .then((stream) => void this.#files.set(file.name, stream))
      .catch((reason: unknown) => {
        this.#failure ??= { reason };
      })
      .finally(() => this.#running.delete(file.name));
    this.#running.set(file.name, running);
  }

  #throwIfFailed(): void {
    this.#options.spool.guard.throwIfFailed();
    this.#pack.throwIfFailed();
    if (this.#failure !== undefined) throw this.#failure.reason;
  }
}

function packInventory(files: ReadonlyMap<string, PendingStream>): {
  name: string;
  content: Buffer;
} {
  const named = [...files].map(([name, { artifacts }]) => [
    name,
    artifacts.map((one) => one.plain),
  ]);
  const content = Buffer.from(buildPackInventory(Object.fromEntries(named)));
  return { name: PACK_INVENTORY, content };
}
