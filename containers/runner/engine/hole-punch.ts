import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { open, stat, unlink } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** Reads `offset length path`, answers `ok` or what fallocate said, one line each. */
const HELPER = `while read -r offset length path; do
  if said=$(fallocate --punch-hole --offset "$offset" --length "$length" -- "$path" 2>&1)
  then echo ok; else echo "failed:" $said; fi
done`;

interface Answer {
  resolve(): void;
  reject(error: Error): void;
}

/**
 * A shell that starts `fallocate` for us. Starting it from here would hold up the main thread for
 * milliseconds each time, because it has so much memory mapped. It ends with its standard input.
 */
class Helper {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: Answer[] = [];
  ended = false;

  constructor() {
    this.#child = spawn('sh', ['-c', HELPER], { stdio: ['pipe', 'pipe', 'ignore'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#answer(line));
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('close', (code, signal) =>
      this.#end(new Error(`the shell that punches holes ended with ${code ?? signal}`)),
    );
    // A write to a shell that has gone; `close` tells.
    this.#child.stdin.on('error', () => undefined);
    this.#keepAlive(false);
  }

  punch(path: string, from: number, end: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#keepAlive(true);
      this.#child.stdin.write(`${from} ${end - from} ${path}\n`);
    });
  }

  #answer(line: string): void {
    const answer = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#keepAlive(false);
    if (line === 'ok') answer?.resolve();
    else answer?.reject(new Error(`fallocate ${line}`));
  }

  #end(error: Error): void {
    this.ended = true;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** This process lives on for an answer, and not for a helper that has nothing to do. */
  #keepAlive(needed: boolean): void {
    const handles = [this.#child, this.#child.stdin, this.#child.stdout];
    for (const handle of handles as { ref?(): void; unref?(): void }[]) {
      if (needed) handle.ref?.();
      else handle.unref?.();
    }
  }
}

let helper: Helper | undefined;

/**
 * Gives the blocks of `[from, end)` of a growing file back to the file system; its size stays. Node
 * has no call for it, util-linux has.
 *
 * @param path without line breaks, and with no blanks at its ends.
 * @param from offset up to which blocks have been freed before, bytes.
 */
export async function punchHole(path: string, from: number, end: number): Promise<void> {
  if (helper === undefined || helper.ended) helper = new Helper();
  await helper.punch(path, from, end);
}

/** Whether files in `directory` can be freed from their start, found out by doing it. */
export async function canPunchHoles(directory: string): Promise<boolean> {
  const path = `${directory}/.punch-hole-probe`;
  const file = await open(path, 'w');
  try {
    // All of it: a single write to a full disk writes what fits, and says nothing.
    await file.writeFile(Buffer.alloc(1024 * 1024, 1));
    await file.sync();
    const before = (await stat(path)).blocks;
    await punchHole(path, 0, 1024 * 1024);
    return (await stat(path)).blocks < before;
  } catch (error) {
    // Full is something else, and to be told as such.
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    return false;
  } finally {
    await file.close();
    await unlink(path);
  }
}
