import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { HoldfastError } from '../contract/errors.ts';
import { awsError, isMissing, mayPass } from './aws-errors.ts';
import { gather } from './gather.ts';
import type { VaultReader } from './vault-reader.ts';

/**
 * Tries one after the other that may fail without bringing a single byte. The pauses between them add up to
 * half a minute, to which the SDK's own tries of each call come.
 */
const FRUITLESS_TRIES = 9;
/** Of an object that is small enough to be asked for as a whole. */
const SMALL_TRIES = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

export interface FetchOptions {
  /** Size that the manifest states, bytes: a body that ends earlier is asked for again. */
  readonly bytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Before the second try; doubled with each. Milliseconds. */
  readonly firstPauseMs?: number;
}

/**
 * The bytes of one version, as they arrive. Where a connection breaks, or S3 is away for a while, it is gone
 * on with by a ranged request from the last byte, so that this does not cost an hours-long restore.
 *
 * @throws HoldfastError VAULT_INTEGRITY when the version is not there, VAULT_DENIED,
 * VAULT_UNAVAILABLE after nine tries in a row that brought nothing
 */
export async function* fetchObject(
  vault: VaultReader,
  key: string,
  versionId: string,
  { bytes, signal, firstPauseMs = FIRST_PAUSE_MS }: FetchOptions,
): AsyncGenerator<Buffer> {
  let received = 0;
  let fruitless = 0;
  for (;;) {
    let broken: unknown = new Error(`The body ended after ${received} of ${bytes} bytes.`);
    let body: Readable | undefined;
    try {
      body = await openBody(vault, key, versionId, received, signal);
      for await (const piece of gather(body, bytes - received)) {
        received += piece.length;
        fruitless = 0;
        yield piece;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (body === undefined && !mayPass(error)) throw error;
      broken = error;
    } finally {
      // The consumer may have left in mid-body: an open socket would keep the process alive.
      body?.destroy();
    }
    if (received >= bytes) return;
    fruitless += 1;
    if (fruitless >= FRUITLESS_TRIES) throw awsError(broken, 's3:GetObjectVersion', key);
    const pause = Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** (fruitless - 1));
    await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/**
 * A small object's text. A body that breaks off is asked for again: the SDK tries again only until it has
 * the answer's head.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED; VAULT_UNAVAILABLE after five tries
 */
export async function fetchVersion(
  vault: VaultReader,
  key: string,
  versionId: string,
  firstPauseMs = FIRST_PAUSE_MS,
): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const body = await openBody(vault, key, versionId, 0, undefined);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of body) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    } catch (error) {
      if (tries === SMALL_TRIES) throw awsError(error, 's3:GetObjectVersion', key);
    }
    await sleep(firstPauseMs * 2 ** (tries - 1));
  }
}

async function openBody(
  vault: VaultReader,
  key: string,
  versionId: string,
  from: number,
  signal: AbortSignal | undefined,
): Promise<Readable> {
  const answer = await vault.s3
    .send(
      new GetObjectCommand({
        Bucket: vault.bucket,
        Key: key,
        VersionId: versionId,
        ...(from === 0 ? {} : { Range: `bytes=${from}-` }),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    )
    .catch((error: unknown) => {
      signal?.throwIfAborted();
      if (isMissing(error)) throw gone(error, key, versionId);
      throw awsError(error, 's3:GetObjectVersion', key);
    });
  if (!(answer.Body instanceof Readable)) {
    throw awsError(new Error('The answer has no body.'), 's3:GetObjectVersion', key);
  }
  if (from > 0 && !answer.ContentRange?.startsWith(`bytes ${from}-`)) {
    answer.Body.destroy();
    throw awsError(
      new Error(`Asked for the bytes from ${from}, got ${answer.ContentRange ?? 'all of them'}.`),
      's3:GetObjectVersion',
      key,
    );
  }
  return answer.Body;
}

function gone(cause: unknown, key: string, versionId: string): HoldfastError {
  return new HoldfastError(
    'VAULT_INTEGRITY',
    `${key} is gone from the vault: its version ${versionId} does not exist.`,
    {
      hint: 'Use another backup. A lock that has not ended makes this impossible: look at who bypassed it (CloudTrail).',
      cause,
    },
  );
}
