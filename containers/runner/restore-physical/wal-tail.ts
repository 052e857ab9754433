import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { timelineAt } from '../../../contract/recovery-window.ts';
import {
  formatLsn,
  parseLsn,
  segmentAt,
  segmentName,
  segmentStart,
} from '../../../contract/wal-segments.ts';
import { findWalFile, type WalReader } from '../../../vault/wal/fetch-wal.ts';
import type { RecoveryPath } from './recovery-path.ts';
import { ANYWHERE, type ServerPrograms } from './server-programs.ts';

/** A commit or rollback that is in the WAL. */
export interface WalEnd {
  readonly xid: number;
  /** Where its record begins. */
  readonly lsn: string;
  /** ISO 8601, to the microsecond. */
  readonly at: string;
  readonly commits: boolean;
}

/** What the last WAL that hangs together holds: of the open segment nobody has made an index. */
export interface WalTail {
  /** Where the last whole record begins; `undefined`: there is none. */
  readonly lastRecord: string | undefined;
  readonly ends: readonly WalEnd[];
  readonly restorePoints: readonly { readonly name: string; readonly lsn: string }[];
}

/** The tail and, because its first record may have begun there, the segment before it. */
const SEGMENTS = 2;
/** What pg_waldump may print, characters: a segment's shortest records make some tens of MB. */
const MAX_DUMP = 512 * 1024 * 1024;

/**
 * Reads the end of what is there.
 *
 * @param reach where WAL that hangs together ends.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readWalTail(
  reader: WalReader,
  { path, catalog }: Pick<RecoveryPath, 'path' | 'catalog'>,
  reach: bigint,
  programs: ServerPrograms,
): Promise<WalTail> {
  const { segmentBytes } = catalog;
  const last = segmentAt(reach - 1n, segmentBytes);
  const numbers = Array.from({ length: SEGMENTS }, (_, at) => last - SEGMENTS + 1 + at);
  const names = numbers
    .filter((number) => number >= 0)
    .map((number) => {
      // Where a timeline was left in the midst of a segment, that one is the next timeline's.
      const end = segmentStart(number + 1, segmentBytes);
      const timeline = timelineAt(path, number === last ? reach : end);
      return segmentName({ timeline, number }, segmentBytes);
    });
  return await readSegments(reader, names, programs);
}

/**
 * Reads segments with pg_waldump, all at once: a record may begin in one of them and end in the next. It
 * knows the files of one timeline only, by their names, so that all are called as the last one's.
 *
 * @param names that follow each other; what comes before one that the vault lacks is passed over.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readSegments(
  reader: WalReader,
  names: readonly string[],
  { directory: bin }: ServerPrograms,
): Promise<WalTail> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-wal-'));
  try {
    const timeline = names.at(-1)?.slice(0, 8) ?? '';
    let together: string[] = [];
    let missing = false;
    for (const name of names) {
      const file = await findWalFile(reader, name);
      if (missing && file !== undefined) together = [];
      missing = file === undefined;
      if (file === undefined) continue;
      const path = join(directory, `${timeline}${name.slice(8)}`);
      await pipeline(
        Readable.from(file.read(), { objectMode: false }),
        createWriteStream(path, { mode: 0o600 }),
      );
      together.push(path);
    }
    const [first] = together;
    if (first === undefined) return parseWalDump('');
    const last = together.at(-1) ?? first;
    // It ends with an error where WAL does, which in an open segment is before the file's end.
    const { stdout } = await execa(join(bin, 'pg_waldump'), [first, last], {
      ...{ cwd: ANYWHERE, reject: false, extendEnv: false, stderr: 'ignore', maxBuffer: MAX_DUMP },
      env: { LC_ALL: 'C', TZ: 'UTC' },
    });
    return parseWalDump(stdout);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What pg_waldump prints, in UTC. */
export function parseWalDump(text: string): WalTail {
  const ends: WalEnd[] = [];
  const restorePoints: { name: string; lsn: string }[] = [];
  let lastRecord: string | undefined;
  for (const line of text.split('\n')) {
    const [, tx, lsn, rest = ''] =
      /tx: +(\d+), lsn: ([0-9A-F]+\/[0-9A-F]+), prev [0-9A-F/]+, desc: (.*)$/.exec(line) ?? [];
    if (tx === undefined || lsn === undefined) continue;
    lastRecord = formatLsn(parseLsn(lsn.replace(/\/0+(?=.)/, '/')));
    // Another session may end what was prepared: its own id, then, stands behind.
    const [, kind, prepared, at] =
      /^(COMMIT|ABORT)\w* (?:(\d+): )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC/.exec(rest) ?? [];
    if (at !== undefined) {
      const time = `${at.replace(' ', 'T')}Z`;
      ends.push({
        xid: Number(prepared ?? tx),
        lsn: lastRecord,
        at: time,
        commits: kind === 'COMMIT',
      });
    }
    const name = /^RESTORE_POINT (.*)$/.exec(rest)?.[1];
    if (name !== undefined) restorePoints.push({ name, lsn: lastRecord });
  }
  return { lastRecord, ends, restorePoints };
}
