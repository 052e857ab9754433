import type { FileHandle } from 'node:fs/promises';

const BLOCK = 512;
/** Where a header has its fields, and how long they are, bytes. */
const NAME = [0, 100] as const;
const SIZE = [124, 136] as const;
const CHECKSUM = [148, 156] as const;

/** What is put beside each segment that was received: always empty. */
const STATUS = 'archive_status/';

interface Member {
  readonly name: string;
  readonly size: number;
}

/** The members of a `pg_wal.tar` that is being written, found by their headers alone. */
export class TarMembers {
  readonly names = new Set<string>();
  /** Where the next header is to be. */
  #next = 0;
  #lastHeader = 0;
  #ended = false;

  /** Everything before it is final: who has begun a member never goes back behind it. */
  get lastHeader(): number {
    return this.#lastHeader;
  }

  /** Whether the archive's end has been seen. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Walks on from where it came to.
   *
   * @param size how much of the file is there, bytes.
   * @param closed whether nobody writes to it any more.
   */
  async look(file: Pick<FileHandle, 'read'>, size: number, closed: boolean): Promise<void> {
    const block = Buffer.alloc(BLOCK);
    while (this.#next + BLOCK <= size) {
      await file.read(block, 0, BLOCK, this.#next);
      const member = parse(block);
      if (member === undefined) {
        // Zeros may also be what no header has been written over yet.
        this.#ended = closed && isEmpty(block) && this.#next + 2 * BLOCK <= size;
        return;
      }
      this.#lastHeader = this.#next;
      const status = member.name.startsWith(STATUS);
      // Its length comes last.
      if (member.size === 0 && !status) return;
      const end = this.#next + BLOCK + Math.ceil(member.size / BLOCK) * BLOCK;
      if (end > size) return;
      if (!status) this.names.add(member.name);
      this.#next = end;
    }
  }
}

/** `undefined` for what is no header, or one that is just being written. */
function parse(block: Buffer): Member | undefined {
  const field = ([from, to]: readonly [number, number]): string =>
    block.toString('latin1', from, to).replace(/[\0 ].*$/s, '');
  const promised = Number.parseInt(field(CHECKSUM), 8);
  const sum = block.reduce(
    (total, byte, at) => total + (at >= CHECKSUM[0] && at < CHECKSUM[1] ? 0x20 : byte),
    0,
  );
  if (sum !== promised) return undefined;
  return { name: field(NAME), size: Number.parseInt(field(SIZE), 8) };
}

function isEmpty(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}
