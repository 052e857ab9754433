import { asHoldfastError, HoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';
import type { TimelineSwitch } from '../../../contract/timeline-history.ts';
import { parseTimelineHistory } from '../../../contract/timeline-history.ts';
import { historyName } from '../../../contract/wal-segments.ts';
import type { Log } from '../log.ts';
import type { Candidate } from '../source/choose-source.ts';
import { connectionError, whereabouts } from '../source/connection-error.ts';
import { inSession } from '../source/in-session.ts';
import { type Access, addressesOf, type Server } from '../source/server.ts';
import { ReplicationConnection, type ServerIdentity } from './replication-connection.ts';
import { haveSlot, type Slot } from './slots.ts';
import { checkWalSource } from './wal-preflight.ts';

/** A server that answers. */
export interface WalServer {
  readonly server: Server;
  readonly inRecovery: boolean;
  /** Of a primary; a standby says it to whoever replicates it. */
  readonly timeline: number;
}

/** A server to stream from, and all that has to be known for it. */
export interface WalSource extends WalServer {
  readonly connection: ReplicationConnection;
  readonly identity: ServerIdentity;
  readonly segmentBytes: number;
  readonly history: readonly TimelineSwitch[];
  readonly slot: Slot & { readonly lost: boolean };
}

const WHO = `
  select pg_is_in_recovery() as in_recovery,
         case when not pg_is_in_recovery()
              then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) else '0' end as timeline`;

/** Asks one candidate who it is; its name is resolved anew each time, because it may move. */
export async function askWalServer(
  { target, uriIndex }: Candidate,
  access: Access,
): Promise<WalServer> {
  let failure: unknown = connectionError(new Error('its name has no address'), { target });
  const addresses = await addressesOf(target.host).catch((error: unknown) => {
    throw connectionError(error, { target });
  });
  for (const address of addresses) {
    const server: Server = { target, uriIndex, address, ...access };
    try {
      return await inSession(server, async (client) => {
        const { rows } = await client.query(WHO);
        const { in_recovery, timeline } = rows[0];
        return { server, inRecovery: in_recovery, timeline: Number.parseInt(timeline, 16) };
      });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

export interface FindOptions {
  readonly candidates: readonly Candidate[];
  readonly access: Access;
  readonly slotName: string;
  readonly options: WalOptions;
  readonly log: Log;
  /** Throws if the server cannot go on with what the vault holds. */
  readonly accept: (source: WalSource) => Promise<void>;
}

/**
 * Finds the server to stream from: the primary, of several the one on the latest timeline; where none
 * answers, a standby, which has the same WAL a little later. Opens the connection and has the slot.
 *
 * @throws HoldfastError why none will do: what the last one that answered said.
 */
export async function findWalServer(find: FindOptions): Promise<WalSource> {
  const { candidates, access, log, accept } = find;
  let refusal: HoldfastError | undefined;
  const refused = (candidate: Candidate, error: unknown): void => {
    const why = asHoldfastError(error);
    const { code, message: reason, hint } = why;
    log.warn('source refused', { server: whereabouts(candidate), code, reason, hint });
    // What one that answers says tells more than that another one is down.
    if (refusal === undefined || code !== 'SOURCE_UNREACHABLE') refusal = why;
  };
  const asked = await Promise.all(
    candidates.map((candidate) =>
      askWalServer(candidate, access).catch((error: unknown) => {
        refused(candidate, error);
        return undefined;
      }),
    ),
  );
  const answering = asked.filter((one) => one !== undefined).sort(byRank);
  for (const found of answering) {
    try {
      const source = await open(found, find);
      try {
        await accept(source);
        return source;
      } catch (error) {
        await source.connection.close();
        throw error;
      }
    } catch (error) {
      refused(found.server, error);
    }
  }
  throw (
    refusal ??
    new HoldfastError('SOURCE_UNREACHABLE', 'The secret names no server.', {
      hint: 'Put the connection URIs into the secret.',
    })
  );
}

function byRank(a: WalServer, b: WalServer): number {
  return Number(a.inRecovery) - Number(b.inRecovery) || b.timeline - a.timeline;
}

async function open(found: WalServer, find: FindOptions): Promise<WalSource> {
  const { server } = found;
  const slot = await inSession(server, async (client) => {
    await checkWalSource(client, server, find.options);
    return await haveSlot(client, server, find.slotName);
  });
  const connection = await ReplicationConnection.open(server);
  try {
    const identity = await connection.identify();
    const { timeline } = identity;
    const segmentBytes = await connection.segmentBytes();
    const history =
      timeline === 1
        ? []
        : parseTimelineHistory(
            (await connection.timelineHistory(timeline)).text.toString('utf8'),
            timeline,
            `${historyName(timeline)} of ${whereabouts(server)}`,
          );
    return { ...found, timeline, connection, identity, segmentBytes, history, slot };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
