import type { ClusterState } from '../contract/parameters.ts';
import type { OpenDataKeys } from '../vault/decryption-keyring.ts';
import type { VaultReader } from '../vault/vault-reader.ts';

export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** The outward services that commands need. */
export interface Services {
  /** @throws HoldfastError ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE */
  openVault(environment: string): Promise<VaultReader>;
  /**
   * The clusters that the environment's file names, by name.
   *
   * @throws HoldfastError ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE
   */
  configuredClusters(environment: string): Promise<ReadonlyMap<string, ClusterState>>;
  /** @throws HoldfastError CLUSTER_UNKNOWN, VAULT_DENIED, VAULT_UNAVAILABLE */
  dataKeysFor(environment: string, cluster: string): Promise<OpenDataKeys>;
}

/** Everything a command touches, so that a test can stand in for it. */
export interface Io {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly services: Services;
}
