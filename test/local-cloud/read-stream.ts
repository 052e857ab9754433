import { vi } from 'vitest';
import type { ArtifactStream } from '../../contract/artifacts.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { kmsDataKeys } from '../../vault/decryption/decryption-keyring.ts';
import { readArtifactStream } from '../../vault/fetch-artifact.ts';
import { collect } from '../vault/example-message.ts';
import type { LocalCloud } from './local-cloud.ts';

/** The plain bytes of one of a backup's streams, fetched and decrypted under the restore role. */
export async function readStream(
  cloud: LocalCloud,
  manifest: Manifest,
  stream: ArtifactStream,
): Promise<Buffer> {
  for (const [name, value] of Object.entries(cloud.principals.restore.environment)) {
    vi.stubEnv(name, value);
  }
  const dataKeys = kmsDataKeys(manifest.encryption.kmsKeyArn);
  const vault = { s3: cloud.s3, bucket: cloud.bucket };
  return await collect(readArtifactStream({ vault, dataKeys }, manifest, stream));
}
