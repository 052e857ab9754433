import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { HoldfastError } from '../../../../contract/errors.ts';
import { linesOf } from '../../process/lines.ts';
import type { BaseFile } from './file-sums.ts';

/** WAL that a base backup needs to be consistent. Positions as PostgreSQL prints them. */
export interface WalRange {
  readonly timeline: number;
  readonly start: string;
  readonly end: string;
}

/** What `backup_manifest` says besides its files. */
export interface BackupManifestFacts {
  /** From 17 on. */
  readonly systemIdentifier: string | undefined;
  /** Oldest timeline first. */
  readonly walRanges: readonly WalRange[];
}

/** Reads a `backup_manifest` piece by piece: that of a large server is too long to be kept. */
export class BackupManifestReader {
  readonly #path: string;
  readonly #walRanges: WalRange[] = [];
  #systemIdentifier: string | undefined;
  #whole = false;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The files that it lists, each on a line of its own as PostgreSQL writes them.
   *
   * @throws HoldfastError DUMP_INCOMPLETE
   * @see https://www.postgresql.org/docs/17/backup-manifest-format.html
   */
  async *files(): AsyncGenerator<BaseFile> {
    const hash = createHash('sha256');
    for await (const line of linesOf(createReadStream(this.#path))) {
      if (line.startsWith('"Manifest-Checksum"')) {
        this.#conclude(line, hash.digest('hex'));
        return;
      }
      hash.update(`${line}\n`);
      const object = objectOn(line);
      if (object === undefined) this.#takeOther(line);
      else if ('Start-LSN' in object) this.#walRanges.push(rangeOf(object));
      else if ('Size' in object) yield fileOf(object);
    }
    throw incomplete('it has no end');
  }

  /** @throws HoldfastError DUMP_INCOMPLETE where it has not been read to its end. */
  get facts(): BackupManifestFacts {
    if (!this.#whole) throw incomplete('it was not read to its end');
    if (this.#walRanges.length === 0) throw incomplete('it names no WAL');
    return {
      systemIdentifier: this.#systemIdentifier,
      walRanges: this.#walRanges.toSorted((a, b) => a.timeline - b.timeline),
    };
  }

  #takeOther(line: string): void {
    this.#systemIdentifier ??= /^"System-Identifier": *(\d+)/.exec(line)?.[1];
  }

  #conclude(line: string, sha256: string): void {
    const promised = /^"Manifest-Checksum": *"([0-9a-f]+)"\}/.exec(line)?.[1];
    if (promised !== sha256) throw incomplete('its own checksum is not that of its text');
    this.#whole = true;
  }
}

function objectOn(line: string): Record<string, unknown> | undefined {
  const text = line.replace(/,\s*$/, '');
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw incomplete('it has a line that is no JSON', cause);
  }
}

function fileOf(object: Record<string, unknown>): BaseFile {
  const encoded = object['Encoded-Path'];
  const path =
    typeof encoded === 'string' ? Buffer.from(encoded, 'hex').toString('utf8') : object.Path;
  const { Size: size, Checksum: sha256 } = object;
  if (typeof path !== 'string' || typeof size !== 'number' || typeof sha256 !== 'string') {
    throw incomplete('it lists a file without path, size or checksum');
  }
  if (object['Checksum-Algorithm'] !== 'SHA256') throw incomplete(`${path} has no SHA-256 in it`);
  return { path, size, sha256 };
}

function rangeOf(object: Record<string, unknown>): WalRange {
  const { Timeline: timeline, 'Start-LSN': start, 'End-LSN': end } = object;
  if (typeof timeline !== 'number' || typeof start !== 'string' || typeof end !== 'string') {
    throw incomplete('it names WAL without timeline, start or end');
  }
  return { timeline, start, end };
}

function incomplete(found: string, cause?: unknown): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `The backup_manifest cannot be trusted: ${found}.`, {
    hint: 'Nothing was published. Run the backup again.',
    cause,
  });
}
