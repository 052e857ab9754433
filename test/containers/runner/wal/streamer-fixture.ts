import { createLog, type Log } from '../../../../containers/runner/log.ts';
import { parseConnectionUri } from '../../../../containers/runner/source/connection-uri.ts';
import { type StreamWalOptions, streamWal } from '../../../../containers/runner/wal/stream-wal.ts';
import { WalProgress } from '../../../../containers/runner/wal/wal-progress.ts';
import { asHoldfastError, type HoldfastError } from '../../../../contract/errors.ts';
import type { WalOptions } from '../../../../contract/physical-options.ts';
import type { RealVault } from '../../../vault/real-vault.ts';
import { walVault } from '../../../vault/wal/real-wal.ts';

export const SLOT = 'holdfast_test__orders';

export const WAL_OPTIONS: WalOptions = {
  incrementSeconds: 0.2,
  synchronous: false,
  retainedAlarmMiB: 4096,
  retainedDropMiB: 0,
  acceptUnlimitedRetention: false,
};

export interface StreamerOptions {
  readonly uris: readonly string[];
  readonly ca: string;
  readonly vault: Pick<RealVault, 's3' | 'bucket' | 'dataKeys'>;
  readonly cluster: string;
  readonly wal?: Partial<WalOptions>;
  /** @default SLOT */
  readonly slot?: string;
  /** Given each line of its log. */
  readonly print?: (line: string) => void;
  readonly more?: Partial<StreamWalOptions['vault']>;
  readonly patience?: StreamWalOptions['patience'];
}

export interface Streamer {
  readonly progress: WalProgress;
  /** Lines of its log. */
  readonly lines: readonly { readonly event: string; readonly [field: string]: unknown }[];
  /** Why it ended. */
  readonly ended: Promise<HoldfastError>;
  /** As SIGTERM does. */
  stop(): Promise<HoldfastError>;
  /** Whether it has said so. */
  said(event: string): boolean;
}

/** A streamer in this process. */
export function startStreamer(options: StreamerOptions): Streamer {
  const { uris, ca, vault, cluster, wal, more, patience, slot = SLOT, print } = options;
  const lines: Streamer['lines'][number][] = [];
  const log: Log = createLog((line) => {
    lines.push(JSON.parse(line));
    print?.(line);
  });
  const abort = new AbortController();
  const progress = new WalProgress();
  const ended = streamWal({
    servers: async () => ({
      candidates: uris.flatMap((uri, uriIndex) =>
        parseConnectionUri(uri, uriIndex).map((target) => ({ target, uriIndex })),
      ),
      access: { ca, caFile: '', applicationName: slot },
    }),
    slotName: slot,
    wal: { ...WAL_OPTIONS, ...wal },
    vault: { ...walVault(vault, { cluster }), ...more },
    log,
    progress,
    patience,
    signal: abort.signal,
  }).then(
    () => asHoldfastError(new Error('it ended')),
    (error: unknown) => asHoldfastError(error),
  );
  return {
    progress,
    lines,
    ended,
    stop: () => {
      abort.abort(asHoldfastError(new Error('told to stop')));
      return ended;
    },
    said: (event) => lines.some((line) => line.event === event),
  };
}
