import { createHash, randomBytes } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { walFileKey, walIncrementKey } from '../../../contract/wal-keys.ts';
import type { WalIndex } from '../../../contract/wal-object.ts';
import { FRAME_BYTES } from '../../../vault/encryption/message-format.ts';
import { buildIndexText, parseIndexText } from '../../../vault/wal/index-text.ts';
import { walDataKeys } from '../../../vault/wal/wal-data-keys.ts';
import { WalMessage, walBodyBytes } from '../../../vault/wal/wal-message.ts';
import {
  beginSegment,
  composeFile,
  composeIncrement,
  putHistory,
  putIncrement,
  putPartial,
  putSegment,
} from '../../../vault/wal/wal-writer.ts';
import { dataKeySource } from '../example-message.ts';
import { CLUSTER, type RealVault, startRealVault } from '../real-vault.ts';
import { readWal, SYSTEM, walVault } from './real-wal.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let vault: RealVault;
let segments = 0;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

function nextSegment(): string {
  segments += 1;
  return `0000000100000000${segments.toString(16).toUpperCase().padStart(8, '0')}`;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const INDEX: WalIndex = {
  commits: 2,
  firstCommitAt: '2026-11-20T03:00:00.000Z',
  lastCommitAt: '2026-11-20T03:00:01.000Z',
  lastCommitLsn: '0/3000028',
  xids: [740, 741],
  restorePoints: [{ name: 'vor dem Übel', lsn: '0/3000010', at: '2026-11-20T03:00:00.500Z' }],
  moreRestorePoints: 0,
};

describe('a segment', () => {
  test('comes back as it was, bound to its name, and told of', async () => {
    const segment = nextSegment();
    const plain = Buffer.concat([randomBytes(3 * FRAME_BYTES), Buffer.alloc(5 * FRAME_BYTES, 7)]);
    const ours = walVault(vault);
    const body = await composeFile(ours, segment, plain);
    expect(await putSegment(ours, segment, body, { index: INDEX })).toBe('written');
    const found = await readWal(vault, walFileKey(CLUSTER, segment));
    expect(found.plain.equals(plain)).toBe(true);
    expect(found.context).toEqual({ cluster: CLUSTER, backup: 'wal', artifact: segment });
    const { index, ...metadata } = found.metadata;
    expect(metadata).toEqual({
      sha256: sha256(plain),
      bytes: String(plain.length),
      'system-identifier': SYSTEM,
      compression: 'zstd',
    });
    expect(parseIndexText(index ?? '')).toEqual(INDEX);
    expect(body.cipher.length).toBeLessThan(3.1 * FRAME_BYTES);
  });

  test.each([0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES])(
    'fed in pieces, whose message takes %i bytes, comes back as it was',
    async (size) => {
      const plain = randomBytes(size);
      const segment = nextSegment();
      const ours = walVault(vault);
      const materials = await ours.dataKeys.file(segment);
      const into = Buffer.alloc(walBodyBytes(size));
      const message = new WalMessage(materials, 'none', into);
      for (let at = 0; at < size; at += 300_007) {
        await message.write(plain.subarray(at, at + 300_007));
      }
      await putSegment(ours, segment, await message.finish());
      const found = await readWal(vault, walFileKey(CLUSTER, segment));
      expect(found.plain.equals(plain)).toBe(true);
    },
  );

  test('that does not compress fits into its buffer', async () => {
    const segment = nextSegment();
    const plain = randomBytes(16 * FRAME_BYTES);
    const message = await beginSegment(
      walVault(vault),
      segment,
      Buffer.allocUnsafe(walBodyBytes(plain.length)),
    );
    const piece = 128 * 1024;
    for (let at = 0; at < plain.length; at += piece) {
      await message.write(plain.subarray(at, at + piece));
    }
    const body = await message.finish();
    expect(body).toMatchObject({ bytes: plain.length, sha256: sha256(plain) });
    expect(body.cipher.length).toBeGreaterThan(plain.length);
  });

  test('is locked for as long as the cluster keeps its backups, and cannot be deleted', async () => {
    const segment = nextSegment();
    const ours = walVault(vault);
    const before = Date.now();
    await putSegment(ours, segment, await composeFile(ours, segment, randomBytes(10)));
    const at = { Bucket: vault.bucket, Key: walFileKey(CLUSTER, segment) };
    const { Retention } = await vault.s3.send(new GetObjectRetentionCommand(at));
    expect(Retention?.Mode).toBe('COMPLIANCE');
    expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThanOrEqual(before + 35 * DAY_MS);
    const { VersionId } = await vault.s3.send(new HeadObjectCommand(at));
    await expect(
      vault.s3.send(new DeleteObjectCommand({ ...at, VersionId, BypassGovernanceRetention: true })),
    ).rejects.toThrow();
  });
});

describe('a name that is taken', () => {
  test('by the very same is no failure', async () => {
    const segment = nextSegment();
    const plain = randomBytes(5_000);
    const [first, second] = [walVault(vault), walVault(vault)];
    await putSegment(first, segment, await composeFile(first, segment, plain));
    // Another cipher text: what counts is the plain one.
    const again = await composeFile(second, segment, plain);
    expect(await putSegment(second, segment, again)).toBe('duplicate');
    expect(await versionsOf(walFileKey(CLUSTER, segment))).toBe(1);
  });

  test('by something else is fatal, and stays as it is', async () => {
    const segment = nextSegment();
    const plain = randomBytes(5_000);
    const ours = walVault(vault);
    await putSegment(ours, segment, await composeFile(ours, segment, plain));
    const other = await composeFile(ours, segment, randomBytes(5_000));
    await expect(putSegment(ours, segment, other)).rejects.toMatchObject({
      code: 'WAL_CONFLICT',
      retryable: false,
      message: expect.stringContaining(sha256(plain)),
    });
    const found = await readWal(vault, walFileKey(CLUSTER, segment));
    expect(found.plain.equals(plain)).toBe(true);
  });

  test("by another server's is fatal, though its bytes are the same", async () => {
    const segment = nextSegment();
    const plain = randomBytes(100);
    const [ours, theirs] = [walVault(vault), walVault(vault, { systemIdentifier: '42' })];
    await putSegment(theirs, segment, await composeFile(theirs, segment, plain));
    const body = await composeFile(ours, segment, plain);
    await expect(putSegment(ours, segment, body)).rejects.toMatchObject({ code: 'WAL_CONFLICT' });
  });

  test('by what is not WAL is fatal', async () => {
    const segment = nextSegment();
    const Key = walFileKey(CLUSTER, segment);
    await vault.s3.send(new PutObjectCommand({ Bucket: vault.bucket, Key, Body: 'x' }));
    const ours = walVault(vault);
    const body = await composeFile(ours, segment, randomBytes(1));
    await expect(putSegment(ours, segment, body)).rejects.toMatchObject({ code: 'WAL_CONFLICT' });
  });

  test('twice is judged by the first version', async () => {
    const segment = nextSegment();
    const plain = randomBytes(100);
    const ours = walVault(vault);
    const body = await composeFile(ours, segment, plain);
    await putSegment(ours, segment, body);
    const Key = walFileKey(CLUSTER, segment);
    await vault.s3.send(new PutObjectCommand({ Bucket: vault.bucket, Key, Body: 'forged' }));
    expect(await putSegment(ours, segment, body)).toBe('duplicate');
  });

  test("by another server's end of a timeline is no failure", async () => {
    const segment = nextSegment();
    const ours = walVault(vault);
    const put = async (plain: Buffer): Promise<string> =>
      putPartial(ours, segment, await composeFile(ours, `${segment}.partial`, plain));
    const plain = randomBytes(9_000);
    expect(await put(plain)).toBe('written');
    expect(await put(plain)).toBe('duplicate');
    expect(await put(plain.subarray(0, 8_000))).toBe('other');
    const found = await readWal(vault, walFileKey(CLUSTER, `${segment}.partial`));
    expect(found.plain.equals(plain)).toBe(true);
  });
});

describe('an answer that is lost', () => {
  test('after it was written is looked up', async () => {
    const segment = nextSegment();
    const lost = walVault(vault, { s3: failing(vault.s3, 'after') });
    const body = await composeFile(lost, segment, randomBytes(10));
    expect(await putSegment(lost, segment, body)).toBe('written');
    expect(await versionsOf(walFileKey(CLUSTER, segment))).toBe(1);
  });

  test('before anything was written can be tried again with the same body', async () => {
    const segment = nextSegment();
    const plain = randomBytes(10);
    const lost = walVault(vault, { s3: failing(vault.s3, 'before') });
    const body = await composeFile(lost, segment, plain);
    await expect(putSegment(lost, segment, body)).rejects.toMatchObject({
      code: 'VAULT_UNAVAILABLE',
      retryable: true,
    });
    expect(await putSegment(walVault(vault), segment, body)).toBe('written');
    const found = await readWal(vault, walFileKey(CLUSTER, segment));
    expect(found.plain.equals(plain)).toBe(true);
  });
});

describe('increments', () => {
  test('share a data key for an hour, and each comes back as it was', async () => {
    let clock = 0;
    let asked = 0;
    const source = dataKeySource(vault.dataKeys().keyring);
    const dataKeys = walDataKeys(
      CLUSTER,
      (context) => {
        asked += 1;
        return source(context);
      },
      () => clock,
    );
    const ours = walVault(vault, { dataKeys });
    const segment = nextSegment();
    const plains = [randomBytes(100), Buffer.alloc(50_000, 'wal'), randomBytes(20_000)];
    let from = 0;
    for (const plain of plains) {
      const body = await composeIncrement(ours, plain);
      expect(await putIncrement(ours, segment, from, body)).toBe('written');
      const found = await readWal(
        vault,
        walIncrementKey(CLUSTER, segment, from, from + plain.length),
      );
      expect(found.plain.equals(plain)).toBe(true);
      expect(found.context).toEqual({ cluster: CLUSTER, backup: 'wal', artifact: 'increments' });
      expect(found.metadata.compression).toBe(plain.length < 4096 ? 'none' : 'zstd');
      from += plain.length;
    }
    expect(asked).toBe(1);
    clock = 60 * 60 * 1000;
    await composeIncrement(ours, plains[0] as Buffer);
    expect(asked).toBe(2);
  });

  test('have a short lock', async () => {
    const ours = walVault(vault);
    const segment = nextSegment();
    await putIncrement(ours, segment, 8192, await composeIncrement(ours, randomBytes(8192)));
    const Key = walIncrementKey(CLUSTER, segment, 8192, 16384);
    const { Retention } = await vault.s3.send(
      new GetObjectRetentionCommand({ Bucket: vault.bucket, Key }),
    );
    expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + DAY_MS);
    expect(Retention?.RetainUntilDate?.getTime()).toBeLessThan(Date.now() + 3 * DAY_MS);
  });

  test('ask for another data key where the last one was refused', async () => {
    const refusals = [new Error('not now')];
    const source = dataKeySource(vault.dataKeys().keyring);
    const dataKeys = walDataKeys(CLUSTER, (context) => {
      const refusal = refusals.pop();
      return refusal === undefined ? source(context) : Promise.reject(refusal);
    });
    const ours = walVault(vault, { dataKeys });
    await expect(composeIncrement(ours, randomBytes(1))).rejects.toMatchObject({
      code: 'VAULT_UNAVAILABLE',
      message: expect.stringContaining('kms:GenerateDataKey'),
    });
    expect(await composeIncrement(ours, randomBytes(1))).toMatchObject({ bytes: 1 });
  });
});

test('a history is kept as it was', async () => {
  const text = Buffer.from('1\t0/3000000\tno recovery target specified\n');
  const ours = walVault(vault);
  expect(await putHistory(ours, '00000002.history', text)).toBe('written');
  const found = await readWal(vault, walFileKey(CLUSTER, '00000002.history'));
  expect(found.plain.equals(text)).toBe(true);
  expect(found.metadata.compression).toBe('none');
});

describe("an index's text", () => {
  test('has room for some restore points, and counts the others', () => {
    const point = { name: 'é'.repeat(60), lsn: '0/3000010', at: '2026-11-20T03:00:00.500Z' };
    const text = buildIndexText({ ...INDEX, restorePoints: Array(30).fill(point) });
    expect(text).toMatch(/^[\x20-\x7e]{1,1500}$/);
    const { restorePoints = [], moreRestorePoints } = parseIndexText(text) ?? {};
    expect(restorePoints.length).toBeGreaterThan(0);
    expect(restorePoints.length + (moreRestorePoints ?? 0)).toBe(30);
    expect(restorePoints[0]).toEqual(point);
  });

  test('that is none is none', () => {
    expect(parseIndexText('{"commits":1}')).toBeUndefined();
    expect(parseIndexText('x')).toBeUndefined();
  });
});

async function versionsOf(key: string): Promise<number> {
  const { Versions = [] } = await vault.s3.send(
    new ListObjectVersionsCommand({ Bucket: vault.bucket, Prefix: key }),
  );
  return Versions.length;
}

/** An S3 whose answers to writes get lost, before or after it has done them. */
function failing(s3: S3Client, when: 'before' | 'after'): Pick<S3Client, 'send'> {
  const send = async (command: Parameters<S3Client['send']>[0], ...rest: []): Promise<unknown> => {
    if (!(command instanceof PutObjectCommand)) return await s3.send(command, ...rest);
    if (when === 'after') await s3.send(command, ...rest);
    throw new Error('socket hang up');
  };
  return { send: send as S3Client['send'] };
}
