import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { asHoldfastError } from '../../../contract/errors.ts';
import type { Log } from '../log.ts';
import { parseConnectionUri } from '../source/connection-uri.ts';
import { readSecret } from '../source/read-secret.ts';
import { readAuthorities } from '../source/trust.ts';
import type { WalServers } from './stream-wal.ts';

/** By default one that nobody answers would be waited for as long as the kernel does. */
const IMPATIENT = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 5_000, socketTimeout: 5_000 },
} as const;

export interface WalServersOptions {
  readonly secretId: string;
  /** How sessions call themselves. */
  readonly applicationName: string;
  readonly log: Log;
  /** @default a client that gives up on a silent service after 5 seconds, three times */
  readonly client?: Pick<SecretsManagerClient, 'send'>;
}

/**
 * The servers that the secret names, asked for anew for each connection, because passwords are changed
 * while a streamer lives. Where the secret cannot be had, what it said before has to do.
 *
 * @returns throws HoldfastError SECRET_UNREADABLE, SECRET_INVALID for as long as it has said nothing yet.
 */
export function walServers(options: WalServersOptions): () => Promise<WalServers> {
  const { secretId, applicationName, log } = options;
  const { client = new SecretsManagerClient(IMPATIENT) } = options;
  let known: WalServers | undefined;
  const hidden = new Set<string>();
  return async () => {
    try {
      const secret = await readSecret(client, secretId);
      const candidates = secret.uris.flatMap((uri, uriIndex) =>
        parseConnectionUri(uri, uriIndex).map((target) => ({ target, uriIndex })),
      );
      for (const { target } of candidates) {
        if (hidden.has(target.password)) continue;
        hidden.add(target.password);
        log.hide(target.password);
      }
      known = { candidates, access: { ...(await readAuthorities(secret.ca)), applicationName } };
    } catch (error) {
      if (known === undefined) throw error;
      const { code, message, hint } = asHoldfastError(error);
      log.warn('secret not read', { code, message, hint });
    }
    return known;
  };
}
