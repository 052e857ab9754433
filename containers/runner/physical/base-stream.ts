import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import { type PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import type { SpoolPolicy } from '../engine/dump-stream.ts';
import { FileTail } from '../engine/file-tail.ts';
import { type ObservedFile, observeDirectory } from '../engine/observe-directory.ts';
import type { Child, ChildExit } from '../process/child.ts';
import { BaseCheck } from './check/base-check.ts';
import type { CheckedBase } from './check/check-orders.ts';
import { WalTail } from './wal-tail.ts';

/** Pause between two looks at the directory, ms. */
const LOOK_EVERY_MS = 20;
/** Tars that are followed at a time, WAL apart: the one that is written, and one closed before it. */
const MAX_TARS = 2;

const BASE = 'base.tar';
const WAL = 'pg_wal.tar';
const MANIFEST = 'backup_manifest';
/** `base.tar`, or a tablespace's, by its oid; compressed or not. */
const TAR = /^(base|\d+)\.tar(\.zst)?$/;

export interface BaseStreamOptions {
  readonly child: Child;
  /** Absolute, without symbolic links: as /proc shows it. */
  readonly directory: string;
  /** `zstd:1` or `none`. */
  readonly compression: string;
  readonly vault: BackupVault;
  readonly spool: SpoolPolicy;
  /** What to throw when pg_basebackup ended with anything but exit status 0. */
  readonly failure: (exit: ChildExit) => Error;
}

/** All of a base backup, in S3, proven whole, and visible to nobody yet. */
export interface StreamedBase {
  readonly base: PendingStream;
  /** `undefined` where pg_basebackup was told to leave it out. */
  readonly wal: PendingStream | undefined;
  /** Segments and history files in there. */
  readonly walFiles: ReadonlySet<string>;
  /** By oid. */
  readonly tablespaces: ReadonlyMap<number, PendingStream>;
  readonly backupManifest: PendingStream;
  readonly checked: CheckedBase;
}

type Tail = Pick<FileTail, 'advance' | 'run'>;

/**
 * Uploads what `pg_basebackup --format=tar` writes, while it writes, and proves it whole: the process
 * group is gone, its leader exited 0, each tar has its end, and every file that `backup_manifest` lists
 * was seen in them. When it throws, the group may still live: the caller stops it.
 */
export class BaseStream {
  readonly #options: BaseStreamOptions;
  readonly #check = new BaseCheck();
  readonly #tails = new Map<string, Tail>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #streams = new Map<string, PendingStream>();
  #wal: WalTail | undefined;
  #failure: { readonly reason: unknown } | undefined;
  #groupGone = false;

  constructor(options: BaseStreamOptions) {
    this.#options = options;
  }

  async run(): Promise<StreamedBase> {
    const { child, directory, vault, spool } = this.#options;
    // The one that receives WAL is never held up: the server would end the backup.
    const release = spool.guard.watch(child.pid, {
      writers: 'leader',
      apart: `${directory}/${WAL}`,
    });
    void child.groupGone().then((exit) => {
      if (exit.code !== 0) this.#failure ??= { reason: this.#options.failure(exit) };
      this.#groupGone = true;
    });
    try {
      await this.#followUntilGone();
      await Promise.all(this.#running.values());
      this.#throwIfFailed();
      const checked = await this.#check.conclude(`${directory}/${MANIFEST}`);
      return { ...this.#gather(), backupManifest: await this.#uploadManifest(), checked };
    } catch (error) {
      this.#failure ??= { reason: error };
      vault.signal.throwIfAborted();
      throw this.#failure.reason;
    } finally {
      release();
      await this.#check.stop();
    }
  }

  async #followUntilGone(): Promise<void> {
    for (;;) {
      this.#options.vault.signal.throwIfAborted();
      // Read before the look: what the look shows is final if the group was gone before it.
      const last = this.#groupGone;
      this.#throwIfFailed();
      const files = observeDirectory(
        this.#options.directory,
        last ? undefined : this.#options.child.pid,
        new Map(),
      ).filter(({ name }) => !name.startsWith(MANIFEST));
      // Closed ones first: while they wait for a place, nobody may hold up the one that is written.
      for (const file of files.toSorted((a, b) => Number(a.open) - Number(b.open))) {
        await this.#take(file);
      }
      if (last && files.every(({ name }) => this.#tails.has(name))) return;
      await sleep(LOOK_EVERY_MS);
    }
  }

  async #take(file: ObservedFile): Promise<void> {
    const tail = this.#tails.get(file.name) ?? (await this.#follow(file));
    tail?.advance(file.size, !file.open);
  }

  async #follow({ name }: ObservedFile): Promise<Tail | undefined> {
    const { directory, vault, compression, spool } = this.#options;
    const path = `${directory}/${name}`;
    const punchEvery = spool.punchHole ? Math.max(1024 * 1024, spool.capBytes / 32) : undefined;
    if (name === WAL) {
      const upload = new StreamUpload(vault, WAL);
      this.#wal = new WalTail({ path, upload, compression, punchEvery });
      return this.#start(name, this.#wal);
    }
    const [, which, compressed] = TAR.exec(name) ?? [];
    if (which === undefined) throw new Error(`pg_basebackup wrote a file ${name}.`);
    const tars = [...this.#running.keys()].filter((running) => running !== WAL);
    if (tars.length >= MAX_TARS) return undefined;
    const [stream, prefix] =
      which === 'base' ? [BASE, ''] : [`tablespace-${which}.tar`, `pg_tblspc/${which}/`];
    const alongside = await this.#check.open({
      ...{ path, name, prefix, compressed: compressed !== undefined },
    });
    const upload = new StreamUpload(vault, stream);
    return this.#start(name, new FileTail({ path, upload, punchEvery, alongside }));
  }

  #start(name: string, tail: Tail): Tail {
    this.#tails.set(name, tail);
    const running = tail
      .run(this.#options.vault.signal)
      .then((stream) => void this.#streams.set(name, stream))
      .catch((reason: unknown) => {
        this.#failure ??= { reason };
      })
      .finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return tail;
  }

  #gather(): Omit<StreamedBase, 'backupManifest' | 'checked'> {
    const tablespaces = new Map<number, PendingStream>();
    let base: PendingStream | undefined;
    for (const [name, stream] of this.#streams) {
      const which = TAR.exec(name)?.[1];
      if (which === 'base') base = stream;
      else if (which !== undefined) tablespaces.set(Number(which), stream);
    }
    if (base === undefined) throw missing(BASE);
    const walFiles = this.#wal?.files ?? new Set<string>();
    return { base, wal: this.#streams.get(WAL), walFiles, tablespaces };
  }

  async #uploadManifest(): Promise<PendingStream> {
    const { directory, vault } = this.#options;
    const [file] = observeDirectory(directory, undefined, new Map()).filter(
      ({ name }) => name === MANIFEST,
    );
    if (file === undefined) throw missing(MANIFEST);
    const tail = new FileTail({
      path: `${directory}/${MANIFEST}`,
      upload: new StreamUpload(vault, MANIFEST),
      punchEvery: undefined,
    });
    tail.advance(file.size, true);
    return await tail.run(vault.signal);
  }

  #throwIfFailed(): void {
    this.#options.spool.guard.throwIfFailed();
    if (this.#failure !== undefined) throw this.#failure.reason;
  }
}

function missing(name: string): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `pg_basebackup ended well and wrote no ${name}.`, {
    hint: 'Nothing was published. Run the backup again.',
  });
}
