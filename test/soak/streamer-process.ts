/**
 * A streamer in a process of its own, to be killed: what its environment says in JSON is streamed until
 * SIGTERM. Without the cloud around it: no lease, and a raw key in the place of KMS's.
 */

import { startStreamer } from '../containers/runner/wal/streamer-fixture.ts';
import { openVault, type VaultAccess } from '../vault/real-vault.ts';

/** What it is told. */
export interface StreamerProcess {
  readonly uris: readonly string[];
  readonly ca: string;
  readonly access: VaultAccess;
  readonly cluster: string;
  /** Seconds. */
  readonly incrementSeconds: number;
}

export const STREAMER_VARIABLE = 'TEST_STREAMER';

const told = process.env[STREAMER_VARIABLE];
if (told !== undefined) {
  const { uris, ca, access, cluster, incrementSeconds }: StreamerProcess = JSON.parse(told);
  const streamer = startStreamer({
    ...{ uris, ca, cluster, vault: openVault(access), wal: { incrementSeconds } },
    print: (line) => process.stdout.write(line),
  });
  process.once('SIGTERM', () => void streamer.stop());
  await streamer.ended;
  process.exit(0);
}
