import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { HoldfastError } from '../contract/errors.ts';

export interface Digest {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * One stage: passes bytes on unchanged and fails unless they are exactly as many, and exactly those,
 * that were promised. The verdict falls at the end: what came before is not to be trusted until then.
 *
 * @param what named in the error, such as `cipher text of clusters/…`.
 */
export function createDigestCheck(expected: Digest, what: string): Transform {
  const hash = createHash('sha256');
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > expected.bytes) {
        done(mismatch(what, `more than the ${expected.bytes} bytes that its manifest states`));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      if (bytes !== expected.bytes) {
        done(mismatch(what, `${bytes} bytes where its manifest states ${expected.bytes}`));
        return;
      }
      const found = hash.digest('hex');
      if (found !== expected.sha256) {
        done(mismatch(what, `SHA-256 ${found} where its manifest states ${expected.sha256}`));
        return;
      }
      done();
    },
  });
}

function mismatch(what: string, found: string): HoldfastError {
  return new HoldfastError('VAULT_INTEGRITY', `The ${what} is not what was backed up: ${found}.`, {
    hint: 'Nothing of it was used. Restore another backup, and compare the object with its manifest.',
  });
}
