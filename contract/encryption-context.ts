/**
 * What every artifact's encryption is bound to: authenticated, and visible to KMS and in CloudTrail.
 * A reader that asks for these three and decrypts has proof of what it got.
 */
export interface ArtifactContext {
  readonly cluster: string;
  /** The backup's label. */
  readonly backup: string;
  /** The artifact's name within its backup. */
  readonly artifact: string;
}

export function encryptionContext(of: ArtifactContext): Record<string, string> {
  return { cluster: of.cluster, backup: of.backup, artifact: of.artifact };
}
