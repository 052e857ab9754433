import type { Artifact, ArtifactStream } from '../contract/artifacts.ts';
import { HoldfastError } from '../contract/errors.ts';
import type { Manifest } from '../contract/manifest.ts';
import { artifactKey } from '../contract/vault-keys.ts';
import { decryptMessage } from './decryption/decrypt.ts';
import type { OpenDataKeys } from './decryption/decryption-keyring.ts';
import { fetchObject } from './fetch-object.ts';
import type { VaultReader } from './vault-reader.ts';

export interface ArtifactReader {
  readonly vault: VaultReader;
  readonly dataKeys: OpenDataKeys;
  readonly signal?: AbortSignal | undefined;
  /** Called with the size of each piece that arrived, cipher text, bytes. */
  readonly onFetched?: (bytes: number) => void;
}

/**
 * The plain bytes of one of a backup's streams: its artifacts, fetched by pinned version, decrypted,
 * checked and joined in order. Memory stays at a few frames of 1 MiB; nothing is fetched faster than
 * it is read. Only a stream that has been read to its end is proven whole.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function* readArtifactStream(
  reader: ArtifactReader,
  manifest: Manifest,
  stream: ArtifactStream,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for (const name of stream.artifacts) {
    const artifact = manifest.artifacts.find((one) => one.name === name);
    if (artifact === undefined) throw contradiction(manifest, `it names no artifact "${name}"`);
    for await (const chunk of readArtifact(reader, manifest, artifact)) {
      bytes += chunk.length;
      yield chunk;
    }
  }
  if (bytes !== stream.bytes) {
    throw contradiction(
      manifest,
      `the artifacts of a stream of ${stream.bytes} bytes hold ${bytes}`,
    );
  }
}

/** @throws HoldfastError as `readArtifactStream` */
export async function* readArtifact(
  { vault, dataKeys, signal, onFetched }: ArtifactReader,
  manifest: Manifest,
  artifact: Artifact,
): AsyncGenerator<Buffer> {
  const { cluster, label } = manifest;
  // Manifests are not authenticated: a key that leads elsewhere would fetch another backup's bytes.
  const key = artifactKey(cluster, label, artifact.name);
  if (artifact.key !== key) {
    throw contradiction(manifest, `the artifact "${artifact.name}" lies under ${artifact.key}`);
  }
  const body = fetchObject(vault, key, artifact.versionId, {
    bytes: artifact.cipher.bytes,
    signal,
  });
  yield* decryptMessage(onFetched === undefined ? body : counted(body, onFetched), {
    context: { cluster, backup: label, artifact: artifact.name },
    cipher: artifact.cipher,
    plain: artifact.plain,
    where: key,
    dataKeys,
  });
}

async function* counted(
  body: AsyncGenerator<Buffer>,
  onFetched: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    onFetched(chunk.length);
    yield chunk;
  }
}

function contradiction({ cluster, label }: Manifest, found: string): HoldfastError {
  return new HoldfastError(
    'VAULT_INTEGRITY',
    `The manifest of ${cluster}, ${label} contradicts itself: ${found}.`,
    { hint: 'Do not restore from it: use another backup, and look at who wrote it (CloudTrail).' },
  );
}
