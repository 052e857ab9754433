import { walContext } from '../../contract/wal-object.ts';
import type { DataKeySource } from '../encryption/data-key.ts';
import type { MessageMaterials } from '../encryption/message-writer.ts';

/** How long all increments share a data key. Milliseconds. */
const SHARED_FOR_MS = 60 * 60 * 1000;

/** Where the messages of one cluster's WAL get their data keys from. */
export interface WalDataKeys {
  /** A key of its own, for a segment or a history. */
  file(name: string): Promise<MessageMaterials>;
  /** The key that all increments share: one call of KMS an hour, where there is an increment every few seconds. */
  increments(): Promise<MessageMaterials>;
}

/**
 * Gives out data keys of a cluster's WAL. Each message derives a key of its own from the one it is
 * given, by its random id, so that many may share one.
 *
 * @param now for tests. @default Date.now
 */
export function walDataKeys(
  cluster: string,
  source: DataKeySource,
  now: () => number = Date.now,
): WalDataKeys {
  let shared: { readonly key: Promise<MessageMaterials>; readonly until: number } | undefined;
  return {
    file: (name) => source(walContext(cluster, name)),
    increments: async () => {
      if (shared === undefined || shared.until <= now()) {
        const key = source(walContext(cluster, 'increments'));
        const fresh = { key, until: now() + SHARED_FOR_MS };
        shared = fresh;
        key.catch(() => {
          if (shared === fresh) shared = undefined;
        });
      }
      const materials = await shared.key;
      // A message overwrites the key that it was given when it ends.
      return { ...materials, dataKey: Uint8Array.from(materials.dataKey) };
    },
  };
}
