import { HoldfastError } from '../../../contract/errors.ts';
import type { CompletenessProof } from './stream-dump.ts';

/** How much of the output's end is kept to look for its trailer, bytes. */
const TAIL_BYTES = 4096;

/** The end of a whole output: the trailer's comment, and since 2025 the end of the restricted mode. */
const TRAILERS = {
  pg_dump: /(^|\n)-- PostgreSQL database dump complete\n--\n\n(\\unrestrict \w+\n\n?)?$/,
  pg_dumpall: /(^|\n)-- PostgreSQL database cluster dump complete\n--\n\n(\\unrestrict \w+\n\n?)?$/,
} as const;

/** Plain SQL is whole when it ends with its program's trailer, and nothing comes after it. */
export class TrailerProof implements CompletenessProof {
  readonly #program: keyof typeof TRAILERS;
  readonly #what: string;
  #tail = Buffer.alloc(0);

  /** @param what named in the error, such as `database shop`. */
  constructor(program: keyof typeof TRAILERS, what: string) {
    this.#program = program;
    this.#what = what;
  }

  async take(chunk: Buffer): Promise<void> {
    // Copied: a view would hold on to the whole chunk.
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
  }

  async conclude(): Promise<void> {
    if (TRAILERS[this.#program].test(this.#tail.toString('utf8'))) return;
    throw new HoldfastError(
      'DUMP_INCOMPLETE',
      `${this.#program} of ${this.#what} ended well, but its output is cut off: it does not end with "dump complete".`,
      { hint: 'Nothing was published. Run the backup again.' },
    );
  }
}
