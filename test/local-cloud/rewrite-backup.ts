import {
  buildAwsKmsMrkAwareStrictMultiKeyringNode,
  type KeyringNode,
} from '@aws-crypto/client-node';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { vi } from 'vitest';
import type { Artifact, ArtifactStream } from '../../contract/artifacts.ts';
import { backupRoleName } from '../../contract/environment-names.ts';
import type { DirectoryEntry, LogicalManifest } from '../../contract/logical-manifest.ts';
import { buildManifest } from '../../contract/manifest.ts';
import { artifactKey, manifestKey } from '../../contract/vault-keys.ts';
import type { Digest } from '../../vault/decryption/verify-digest.ts';
import { digestOf, encryptExample } from '../vault/example-message.ts';
import type { LocalCloud } from './local-cloud.ts';
import { readStream } from './read-stream.ts';

export interface RewriteOptions {
  readonly label: string;
  /** The only database that is taken over. */
  readonly database: string;
  /** Where an artifact ends and the next begins, bytes of plain text. */
  readonly cutEvery: number;
  /** Exchanges two artifacts of one stream, and what the manifest says of them. */
  readonly forge?: boolean;
}

/**
 * Writes a backup in directory format once more, under another label, cut into small artifacts: what
 * a backup of streams beyond 77 GiB looks like. It acts as the cluster's backup role.
 */
export async function rewriteBackup(
  cloud: LocalCloud,
  manifest: LogicalManifest,
  { label, database, cutEvery, forge = false }: RewriteOptions,
): Promise<LogicalManifest> {
  const { cluster, lock, encryption } = manifest;
  const role = cloud.asRole(backupRoleName(cloud.environment, cluster));
  const s3 = new S3Client({ endpoint: cloud.s3Endpoint, region: cloud.region, credentials: role });
  const put = async (Key: string, Body: Buffer | string) => {
    const { VersionId = '', ETag = '' } = await s3.send(
      new PutObjectCommand({
        ...{ Bucket: cloud.bucket, Key, Body, IfNoneMatch: '*' },
        ObjectLockMode: lock.mode,
        ObjectLockRetainUntilDate: new Date(lock.retainUntil),
      }),
    );
    return { versionId: VersionId, etag: ETag };
  };
  const dataKeys = () => ({
    keyring: buildAwsKmsMrkAwareStrictMultiKeyringNode({
      generatorKeyId: encryption.kmsKeyArn,
    }) as KeyringNode,
    failure: () => undefined,
    key: encryption.kmsKeyArn,
  });
  const messages: { name: string; plain: Digest; cipher: Buffer }[] = [];
  const rewrite = async <T extends ArtifactStream>(stream: T): Promise<T> => {
    const bytes = await readStream(cloud, manifest, stream);
    for (const [name, value] of Object.entries(role.environment)) vi.stubEnv(name, value);
    const prefix = stream.artifacts[0]?.replace(/\.0001$/, '') ?? '';
    const names: string[] = [];
    for (let at = 0; at === 0 || at < bytes.length; at += cutEvery) {
      const name = `${prefix}.${String(names.length + 1).padStart(4, '0')}`;
      const plain = bytes.subarray(at, at + cutEvery);
      const context = { cluster, backup: label, artifact: name };
      const cipher = await encryptExample(plain, context, dataKeys, 1024 * 1024);
      messages.push({ name, plain: digestOf(plain), cipher });
      names.push(name);
    }
    return { ...stream, artifacts: names };
  };
  const entry = manifest.databases.find(({ name }) => name === database) as DirectoryEntry;
  const pack = await rewrite(entry.pack);
  const globals = await rewrite(manifest.globals);
  const files: DirectoryEntry['files'] = [];
  for (const file of entry.files) files.push(await rewrite(file));
  const at = messages.findIndex(({ name }) => name.endsWith('.0002'));
  const [first, second] = [messages[at - 1], messages[at]];
  if (forge && first !== undefined && second !== undefined) {
    messages[at - 1] = { ...second, name: first.name };
    messages[at] = { ...first, name: second.name };
  }
  const artifacts: Artifact[] = [];
  for (const { name, plain, cipher } of messages) {
    const key = artifactKey(cluster, label, name);
    const digests = { plain, cipher: digestOf(cipher) };
    artifacts.push({ name, key, parts: 1, ...(await put(key, cipher)), ...digests });
  }
  const request = { ...manifest.request, label };
  const databases = [{ ...entry, pack, files }];
  const rewritten = { ...manifest, label, request, globals, databases, artifacts };
  await put(manifestKey(cluster, label), buildManifest(rewritten));
  s3.destroy();
  return rewritten;
}
