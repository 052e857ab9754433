import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { asHoldfastError } from '../../../contract/errors.ts';
import { walSlotName } from '../../../contract/wal-slot.ts';
import type { Log } from '../log.ts';
import { connectionError, whereabouts } from '../source/connection-error.ts';
import { type ConnectionTarget, parseConnectionUri } from '../source/connection-uri.ts';
import { inSession } from '../source/in-session.ts';
import { readSecret } from '../source/read-secret.ts';
import { type Access, addressesOf } from '../source/server.ts';
import { readAuthorities } from '../source/trust.ts';
import { askSlot } from './ask-slot.ts';
import { dropSlot } from './drop-slot.ts';
import type { ProbeConfiguration } from './probe-configuration.ts';
import { type ProbedServer, probeMetrics } from './probe-metrics.ts';
import { judgeSlot, type Retention, whatIsLost } from './retention-plan.ts';

/**
 * Looks how much WAL the cluster's slot holds back on each of its servers, tells it as metrics, and drops
 * a slot before it fills a disk, where the owner wants that. A task of its own, because it is needed most
 * when the streamer is dead, and where tasks run, because there the servers can be reached.
 *
 * @throws HoldfastError SECRET_UNREADABLE, SECRET_INVALID; a server that cannot be asked is told, and counted.
 */
export async function probeWal(configuration: ProbeConfiguration, log: Log): Promise<void> {
  const { environment, cluster, secretId, wal } = configuration;
  const client = new SecretsManagerClient();
  const secret = await readSecret(client, secretId).finally(() => client.destroy());
  const targets = secret.uris.flatMap((uri, index) => parseConnectionUri(uri, index));
  for (const { password } of targets) log.hide(password);
  const access: Access = {
    ...(await readAuthorities(secret.ca)),
    applicationName: 'holdfast probe-wal',
  };
  const slot = walSlotName(environment, cluster);
  const probed = await Promise.all(
    targets.map((target) =>
      probeServer({ target, access, slot, wal, log }).catch((thrown: unknown): ProbedServer => {
        const { code, message: reason, hint } = asHoldfastError(thrown);
        log.warn('server not asked', { server: whereabouts({ target }), code, reason, hint });
        return {};
      }),
    ),
  );
  log.info('wal probed', probeMetrics(probed, { environment, cluster }, new Date()));
}

interface Probe {
  readonly target: ConnectionTarget;
  readonly access: Access;
  readonly slot: string;
  readonly wal: Retention;
  readonly log: Log;
}

async function probeServer(probe: Probe): Promise<ProbedServer> {
  const { target } = probe;
  const addresses = await addressesOf(target.host).catch((error: unknown) => {
    throw connectionError(error, { target });
  });
  let failure: unknown = connectionError(new Error('its name has no address'), { target });
  for (const address of addresses) {
    try {
      return await probeAddress(probe, address);
    } catch (error) {
      failure = error;
      if (asHoldfastError(error).code !== 'SOURCE_UNREACHABLE') break;
    }
  }
  throw failure;
}

async function probeAddress(probe: Probe, address: string): Promise<ProbedServer> {
  const { target, access, slot, wal, log } = probe;
  return await inSession({ target, uriIndex: 0, address, ...access }, async (client) => {
    const facts = await askSlot(client, slot);
    const verdict = judgeSlot(facts, wal);
    const told = { server: whereabouts({ target }), slot, ...facts };
    if (verdict === 'drop') {
      log.warn('slot to be dropped', { ...told, lost: whatIsLost(facts) });
      await dropSlot(client, slot);
      log.warn('slot dropped', {
        ...told,
        hint: 'Take a full physical backup once the streamer runs.',
      });
    } else {
      log.info('slot seen', { ...told, verdict });
    }
    return { seen: { facts, verdict } };
  });
}
