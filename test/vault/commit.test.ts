import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Artifact } from '../../contract/artifacts.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { manifestKey } from '../../contract/vault-keys.ts';
import type { BackupVault } from '../../vault/backup-vault.ts';
import { assertLabelFree, completeArtifacts, writeManifest } from '../../vault/commit.ts';
import { findPublished } from '../../vault/published-backup.ts';
import { StreamUpload } from '../../vault/stream-upload.ts';
import { exampleManifest } from '../fixtures/example-manifest.ts';
import { CLUSTER, type RealVault, startRealVault } from './real-vault.ts';

let vault: RealVault;
let labels = 0;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

function nextLabel(): string {
  labels += 1;
  return `20261120T0400${String(labels).padStart(2, '0')}Z-logical-full-7f3a9c`;
}

async function pending(backup: BackupVault, names: readonly string[] = ['a']) {
  const streams = await Promise.all(
    names.map(async (name) => {
      const stream = new StreamUpload(backup, name);
      await stream.write(randomBytes(100));
      return stream.finish();
    }),
  );
  return streams.flatMap(({ artifacts }) => artifacts);
}

function manifestFor(label: string): Manifest {
  const manifest = exampleManifest();
  return { ...manifest, cluster: CLUSTER, label, request: { ...manifest.request, label } };
}

type Command = Parameters<S3Client['send']>[0];

const HUNG_UP = { name: 'TimeoutError', message: 'socket hang up' };
/** The second try, when the credentials have ended. */
const DENIED_THEN = { name: 'AccessDenied', $metadata: { httpStatusCode: 403, attempts: 2 } };

const CONFLICT = { name: 'ConditionalRequestConflict', $metadata: { httpStatusCode: 409 } };

/** Refuses the first write of a backup that would make something visible. */
function refusingOnce(failure: object): Pick<S3Client, 'send'> {
  let refused = false;
  const send = async (command: Command): Promise<unknown> => {
    const visible =
      command instanceof CompleteMultipartUploadCommand || command instanceof PutObjectCommand;
    if (refused || !visible) return await vault.s3.send(command);
    refused = true;
    throw Object.assign(new Error(), failure);
  };
  return { send: send as S3Client['send'] };
}

/** Does what it is told, and loses the answer of the first command of a kind. */
function losingAnswer(
  s3: S3Client,
  kind: new (...args: never[]) => unknown,
  failure: object = HUNG_UP,
): Pick<S3Client, 'send'> {
  let lost = false;
  const send = async (command: Command): Promise<unknown> => {
    const answer = await s3.send(command);
    if (lost || !(command instanceof kind)) return answer;
    lost = true;
    throw Object.assign(new Error(), failure);
  };
  return { send: send as S3Client['send'] };
}

describe('completion', () => {
  test('pins the version that it made, and empties the ledger', async () => {
    const backup = vault.backup(nextLabel());
    const artifacts = await completeArtifacts(backup, await pending(backup, ['a', 'b', 'c']));
    expect(artifacts.map(({ name }) => name)).toEqual(['a.0001', 'b.0001', 'c.0001']);
    expect(artifacts.every(({ versionId }) => versionId.length > 0)).toBe(true);
    expect(backup.ledger.size).toBe(0);
  });

  test.each([
    ['and that is all', HUNG_UP],
    ['and the next try is denied', DENIED_THEN],
  ])('whose answer is lost is looked up: %s', async (_, failure) => {
    const backup = vault.backup(
      nextLabel(),
      losingAnswer(vault.s3, CompleteMultipartUploadCommand, failure),
    );
    const [artifact] = await completeArtifacts(backup, await pending(backup));
    const { VersionId, ETag } = await vault.s3.send(
      new GetObjectCommand({ Bucket: vault.bucket, Key: artifact?.key }),
    );
    expect(artifact).toMatchObject({ versionId: VersionId, etag: ETag });
  });

  test('that S3 is still busy with is waited for', async () => {
    const done: Promise<unknown>[] = [];
    const busy = {
      send: (async (command: Command): Promise<unknown> => {
        if (!(command instanceof CompleteMultipartUploadCommand) || done.length > 0) {
          return await vault.s3.send(command);
        }
        // The first try, whose answer is lost, is done a little after the second is refused for it.
        done.push(sleep(200).then(() => vault.s3.send(command)));
        throw Object.assign(new Error('under way'), CONFLICT);
      }) as S3Client['send'],
    };
    const backup = vault.backup(nextLabel(), busy);
    const [artifact] = await completeArtifacts(backup, await pending(backup));
    const [first] = await Promise.all(done);
    expect(artifact?.versionId).toBe((first as { VersionId?: string }).VersionId);
  });

  test('that was refused for what came to nothing is made again', async () => {
    const backup = vault.backup(nextLabel(), refusingOnce(CONFLICT));
    const [artifact] = await completeArtifacts(backup, await pending(backup));
    expect(artifact?.versionId).toBeTypeOf('string');
  });

  test('ends with the first that fails: no more are begun', async () => {
    const begun: (string | undefined)[] = [];
    const failing = {
      send: (async (command: Command): Promise<unknown> => {
        if (!(command instanceof CompleteMultipartUploadCommand)) return vault.s3.send(command);
        begun.push(command.input.Key);
        if (begun.length === 2) throw new Error('InternalError');
        return await vault.s3.send(command);
      }) as S3Client['send'],
    };
    const backup = vault.backup(nextLabel(), failing);
    const names = Array.from({ length: 30 }, (_, at) => `n${at}`);
    const artifacts = await pending(backup, names);
    await expect(completeArtifacts(backup, artifacts)).rejects.toMatchObject({
      code: 'VAULT_UNAVAILABLE',
    });
    const until = begun.length;
    await backup.ledger.abortAll(new Error('failed'));
    expect(begun).toHaveLength(until);
    expect(until).toBeLessThan(names.length);
  });

  test('over somebody else’s object is a conflict, and theirs stays', async () => {
    const label = nextLabel();
    const [first, second] = [vault.backup(label), vault.backup(label)];
    const theirs = await pending(first);
    const ours = await pending(second);
    const [winner] = await completeArtifacts(first, theirs);
    await expect(completeArtifacts(second, ours)).rejects.toMatchObject({ code: 'LABEL_TAKEN' });
    const { ETag } = await vault.s3.send(
      new GetObjectCommand({ Bucket: vault.bucket, Key: winner?.key }),
    );
    expect(ETag).toBe(winner?.etag);
    expect(await second.ledger.abortAll(new Error('lost'))).toEqual([]);
  });

  test('that S3 refuses for good is an error that names the object', async () => {
    const label = nextLabel();
    const broken = {
      send: ((command: Command) =>
        command instanceof CompleteMultipartUploadCommand
          ? Promise.reject(new Error('InternalError'))
          : vault.s3.send(command)) as S3Client['send'],
    };
    const backup = vault.backup(label, broken);
    await expect(completeArtifacts(backup, await pending(backup))).rejects.toMatchObject({
      code: 'VAULT_UNAVAILABLE',
      message: expect.stringContaining(`${label}/a.0001`),
    });
    await vault.backup(label).ledger.abortAll(undefined);
    await backup.ledger.abortAll(new Error('failed'));
  });
});

describe('the manifest', () => {
  test('is written once', async () => {
    const label = nextLabel();
    const backup = vault.backup(label);
    await writeManifest(backup, manifestFor(label));
    await expect(
      writeManifest(backup, { ...manifestFor(label), warnings: ['another run'] }),
    ).rejects.toMatchObject({ code: 'LABEL_TAKEN' });
  });

  test.each([
    ['and that is all', HUNG_UP],
    ['and the next try is denied', DENIED_THEN],
  ])('whose answer is lost is read back: %s', async (_, failure) => {
    const label = nextLabel();
    const backup = vault.backup(label, losingAnswer(vault.s3, PutObjectCommand, failure));
    await writeManifest(backup, manifestFor(label));
    const { Body } = await vault.s3.send(
      new GetObjectCommand({ Bucket: vault.bucket, Key: manifestKey(CLUSTER, label) }),
    );
    expect(JSON.parse((await Body?.transformToString()) ?? '')).toMatchObject({ label });
  });
});

test('a manifest that was refused for a write that came to nothing is written', async () => {
  const label = nextLabel();
  await writeManifest(vault.backup(label, refusingOnce(CONFLICT)), manifestFor(label));
  const { Body } = await vault.s3.send(
    new GetObjectCommand({ Bucket: vault.bucket, Key: manifestKey(CLUSTER, label) }),
  );
  expect(JSON.parse((await Body?.transformToString()) ?? '')).toMatchObject({ label });
});

describe('a label', () => {
  test('is free before anything lies under it', async () => {
    await expect(assertLabelFree(vault.backup(nextLabel()))).resolves.toBeUndefined();
  });

  test.each(['artifact', 'manifest'])('is taken once an %s lies under it', async (what) => {
    const label = nextLabel();
    const backup = vault.backup(label);
    if (what === 'artifact') await completeArtifacts(backup, await pending(backup));
    else await writeManifest(backup, manifestFor(label));
    await expect(assertLabelFree(vault.backup(label))).rejects.toMatchObject({
      code: 'LABEL_TAKEN',
    });
  });
});

describe('a backup that was asked for again', () => {
  test('is there once its manifest is, and every artifact that it pins', async () => {
    const label = nextLabel();
    const backup = vault.backup(label);
    expect(await findPublished(backup)).toBeUndefined();
    const artifacts = await completeArtifacts(backup, await pending(backup, ['a', 'b']));
    expect(await findPublished(backup)).toBeUndefined();
    const manifest = { ...manifestFor(label), artifacts };
    await writeManifest(backup, manifest);
    expect(await findPublished(backup)).toEqual(manifest);
  });

  test('is not there where it was written before anybody can have asked for it', async () => {
    const tomorrow = new Date(Date.now() + 24 * 3600_000).toISOString().slice(0, 19);
    const label = `${tomorrow.replaceAll(/[-:]/g, '')}Z-logical-full-7f3a9c`;
    const backup = vault.backup(label);
    const artifacts = await completeArtifacts(backup, await pending(backup));
    await writeManifest(backup, { ...manifestFor(label), artifacts });
    expect(await findPublished(backup)).toBeUndefined();
    await expect(assertLabelFree(backup)).rejects.toMatchObject({ code: 'LABEL_TAKEN' });
  });

  test.each<[string, (artifact: Artifact) => Artifact]>([
    ['an artifact', (artifact) => ({ ...artifact, name: 'b.0001' })],
    ['a version', (artifact) => ({ ...artifact, versionId: 'another' })],
    ['a size', (artifact) => ({ ...artifact, cipher: { ...artifact.cipher, bytes: 1 } })],
  ])('is not there where its manifest pins %s that is not', async (_, forge) => {
    const label = nextLabel();
    const backup = vault.backup(label);
    const artifacts = await completeArtifacts(backup, await pending(backup));
    await writeManifest(backup, { ...manifestFor(label), artifacts: artifacts.map(forge) });
    expect(await findPublished(backup)).toBeUndefined();
    await expect(assertLabelFree(backup)).rejects.toMatchObject({ code: 'LABEL_TAKEN' });
  });
});
