import { createHash } from 'node:crypto';
import { HoldfastError } from '../../contract/errors.ts';

export interface Digest {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * Passes bytes on unchanged and fails unless they are exactly as many as were promised.
 *
 * @throws HoldfastError VAULT_INTEGRITY
 */
export class LengthCheck implements AsyncIterable<Buffer> {
  readonly #source: AsyncIterable<Buffer>;
  readonly #expected: Pick<Digest, 'bytes'>;
  readonly #what: string;

  /** @param what named in the error, such as `cipher text of clusters/…`. */
  constructor(source: AsyncIterable<Buffer>, expected: Pick<Digest, 'bytes'>, what: string) {
    this.#source = source;
    this.#expected = expected;
    this.#what = what;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    let bytes = 0;
    for await (const piece of this.#source) {
      bytes += piece.length;
      if (bytes > this.#expected.bytes) throw tooMany(this.#what, this.#expected);
      yield piece;
    }
    if (bytes !== this.#expected.bytes) throw tooFew(this.#what, this.#expected, bytes);
  }
}

/** Compares what it is shown with what was promised: the verdict falls at the end. */
export class PlainTextCheck {
  readonly #expected: Digest;
  readonly #what: string;
  readonly #promisedBy: string;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  /**
   * @param what named in the error.
   * @param promisedBy where the expectation comes from.
   */
  constructor(expected: Digest, what: string, promisedBy = 'its manifest') {
    this.#expected = expected;
    this.#what = what;
    this.#promisedBy = promisedBy;
  }

  /** @throws HoldfastError VAULT_INTEGRITY */
  update(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#expected.bytes)
      throw tooMany(this.#what, this.#expected, this.#promisedBy);
    this.#hash.update(piece);
  }

  /** @throws HoldfastError VAULT_INTEGRITY */
  end(): void {
    const { bytes, sha256 } = this.#expected;
    if (this.#bytes !== bytes)
      throw tooFew(this.#what, this.#expected, this.#bytes, this.#promisedBy);
    const found = this.#hash.digest('hex');
    if (found === sha256) return;
    throw mismatch(this.#what, `SHA-256 ${found} where ${this.#promisedBy} states ${sha256}`);
  }
}

function tooMany(
  what: string,
  { bytes }: Pick<Digest, 'bytes'>,
  promisedBy = 'its manifest',
): HoldfastError {
  return mismatch(what, `more than the ${bytes} bytes that ${promisedBy} states`);
}

function tooFew(
  what: string,
  expected: Pick<Digest, 'bytes'>,
  found: number,
  promisedBy = 'its manifest',
): HoldfastError {
  return mismatch(what, `${found} bytes where ${promisedBy} states ${expected.bytes}`);
}

function mismatch(what: string, found: string): HoldfastError {
  return new HoldfastError('VAULT_INTEGRITY', `The ${what} is not what was backed up: ${found}.`, {
    hint: 'Nothing of it was used. Restore another backup, and compare the object with its manifest.',
  });
}
