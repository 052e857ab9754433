import { createHash, randomBytes } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HoldfastError } from '../../contract/errors.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { clusterPrefix } from '../../contract/vault-keys.ts';
import { completeArtifacts } from '../../vault/commit.ts';
import { FRAME_BYTES } from '../../vault/encryption/message-format.ts';
import { readArtifactStream } from '../../vault/fetch-artifact.ts';
import { type PendingStream, StreamUpload } from '../../vault/stream-upload.ts';
import { collect, inPieces } from './example-message.ts';
import { CLUSTER, PART_BYTES, type RealVault, startRealVault } from './real-vault.ts';

let vault: RealVault;
let labels = 0;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

function nextLabel(): string {
  labels += 1;
  return `20261120T0300${String(labels).padStart(2, '0')}Z-logical-full-7f3a9c`;
}

async function upload(
  backup: ReturnType<RealVault['backup']>,
  bytes: Buffer,
  options: { piece?: number; maxPlainBytes?: number } = {},
): Promise<PendingStream> {
  const stream = new StreamUpload(backup, 'table.dat', options.maxPlainBytes);
  for await (const piece of inPieces(bytes, options.piece ?? FRAME_BYTES))
    await stream.write(piece);
  return stream.finish();
}

async function readBack(
  label: string,
  stream: PendingStream,
  artifacts: Manifest['artifacts'],
): Promise<Buffer> {
  const manifest = { cluster: CLUSTER, label, artifacts } as unknown as Manifest;
  return collect(
    readArtifactStream({ vault, dataKeys: vault.dataKeys }, manifest, {
      artifacts: stream.artifacts.map(({ name }) => name),
      bytes: stream.bytes,
    }),
  );
}

describe('a stream', () => {
  test.each([
    0,
    1,
    FRAME_BYTES - 1,
    FRAME_BYTES,
    FRAME_BYTES + 1,
    PART_BYTES - 1,
    PART_BYTES,
    PART_BYTES + 1,
    3 * PART_BYTES + 12_345,
  ])('of %i bytes comes back as it was', async (size) => {
    const bytes = randomBytes(size);
    const label = nextLabel();
    const backup = vault.backup(label);
    const stream = await upload(backup, bytes, { piece: 700_001 });
    const artifacts = await completeArtifacts(backup, stream.artifacts);
    expect(artifacts).toHaveLength(1);
    expect(artifacts[0]?.plain).toEqual({
      bytes: size,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect((await readBack(label, stream, artifacts)).equals(bytes)).toBe(true);
  });

  test('fed byte by byte comes back as it was', async () => {
    const bytes = randomBytes(5_000);
    const label = nextLabel();
    const backup = vault.backup(label);
    const stream = await upload(backup, bytes, { piece: 1 });
    const artifacts = await completeArtifacts(backup, stream.artifacts);
    expect((await readBack(label, stream, artifacts)).equals(bytes)).toBe(true);
  });

  test('longer than an artifact may be is cut, and joined again', async () => {
    const bytes = randomBytes(5 * FRAME_BYTES + 7);
    const label = nextLabel();
    const backup = vault.backup(label);
    const stream = await upload(backup, bytes, { maxPlainBytes: 2 * FRAME_BYTES });
    expect(stream.artifacts.map(({ name, plain }) => [name, plain.bytes])).toEqual([
      ['table.dat.0001', 2 * FRAME_BYTES],
      ['table.dat.0002', 2 * FRAME_BYTES],
      ['table.dat.0003', FRAME_BYTES + 7],
    ]);
    const artifacts = await completeArtifacts(backup, stream.artifacts);
    expect((await readBack(label, stream, artifacts)).equals(bytes)).toBe(true);
  });

  test('that ends where an artifact ends gets no empty one after it', async () => {
    const backup = vault.backup(nextLabel());
    const stream = await upload(backup, randomBytes(2 * FRAME_BYTES), {
      maxPlainBytes: FRAME_BYTES,
    });
    expect(stream.artifacts).toHaveLength(2);
    await backup.ledger.abortAll(new Error('not needed'));
  });
});

describe('before completion', () => {
  test('nothing can be seen', async () => {
    const label = nextLabel();
    const backup = vault.backup(label);
    const stream = await upload(backup, randomBytes(PART_BYTES + 1));
    const { Versions = [] } = await vault.s3.send(
      new ListObjectVersionsCommand({
        Bucket: vault.bucket,
        Prefix: `${clusterPrefix(CLUSTER)}backups/${label}`,
      }),
    );
    expect(Versions).toEqual([]);
    expect(await vault.openUploads()).toEqual(stream.artifacts.map(({ key }) => key));
    await backup.ledger.abortAll(new Error('not needed'));
    expect(await vault.openUploads()).toEqual([]);
  });

  test('a part that fails ends the stream with an error that names the action, and leaves nothing', async () => {
    const label = nextLabel();
    const denied = Object.assign(new Error('not today'), {
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
    });
    const backup = vault.backup(
      label,
      failing(vault.s3, (command) =>
        command instanceof UploadPartCommand && command.input.PartNumber === 2 ? denied : undefined,
      ),
    );
    const failure = await upload(backup, randomBytes(4 * PART_BYTES)).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(HoldfastError);
    expect(failure).toMatchObject({
      code: 'VAULT_DENIED',
      message: expect.stringContaining('s3:PutObject'),
    });
    expect(await backup.ledger.abortAll(failure)).toEqual([]);
    expect(await vault.openUploads()).toEqual([]);
  });

  test('an abort in the middle releases every buffer', async () => {
    const abort = new AbortController();
    const backup = vault.backup(nextLabel(), vault.s3, abort.signal);
    const streams = ['a', 'b', 'c'].map((name) => new StreamUpload(backup, name));
    const writing = Promise.allSettled(
      streams.map(async (stream) => {
        for (;;) await stream.write(randomBytes(FRAME_BYTES));
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    const reason = new HoldfastError('TERMINATED', 'told to stop', { hint: 'none' });
    abort.abort(reason);
    await backup.ledger.abortAll(reason);
    const results = await writing;
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await vault.openUploads()).toEqual([]);
    const buffers = await Promise.all(
      Array.from({ length: backup.parts.size }, () => backup.parts.acquire()),
    );
    expect(new Set(buffers).size).toBe(backup.parts.size);
  });

  test('a data key that is refused ends the stream', async () => {
    const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
    const refused = {
      ...vault.backup(nextLabel()),
      dataKeys: () => Promise.reject(denied),
    };
    await expect(upload(refused, randomBytes(FRAME_BYTES))).rejects.toMatchObject({
      code: 'VAULT_DENIED',
      message: expect.stringContaining('kms:GenerateDataKey'),
    });
    await refused.ledger.abortAll(new Error('not needed'));
  });
});

describe('a completed artifact', () => {
  test('is locked, and cannot be deleted', async () => {
    const backup = vault.backup(nextLabel());
    const stream = await upload(backup, randomBytes(10));
    const [artifact] = await completeArtifacts(backup, stream.artifacts);
    const at = { Bucket: vault.bucket, Key: artifact?.key, VersionId: artifact?.versionId };
    const { Retention } = await vault.s3.send(new GetObjectRetentionCommand(at));
    expect(Retention?.Mode).toBe('COMPLIANCE');
    expect(Retention?.RetainUntilDate?.getTime()).toBe(backup.lock.retainUntil.getTime());
    await expect(
      vault.s3.send(new DeleteObjectCommand({ ...at, BypassGovernanceRetention: true })),
    ).rejects.toThrow();
    const head = await vault.s3.send(new HeadObjectCommand(at));
    expect(head.ContentLength).toBe(artifact?.cipher.bytes);
    expect(head.ETag).toBe(artifact?.etag);
  });
});

type Command = Parameters<S3Client['send']>[0];

/** An S3 that fails some commands, and does the others. */
function failing(
  s3: S3Client,
  failure: (command: Command) => Error | undefined,
): Pick<S3Client, 'send'> {
  const send = (command: Command, ...rest: []): Promise<unknown> => {
    const error = failure(command);
    return error === undefined ? s3.send(command, ...rest) : Promise.reject(error);
  };
  return { send: send as S3Client['send'] };
}
