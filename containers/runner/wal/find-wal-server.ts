import { asHoldfastError, HoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';
import type { TimelineSwitch } from '../../../contract/timeline-history.ts';
import { parseTimelineHistory } from '../../../contract/timeline-history.ts';
import { historyName } from '../../../contract/wal-segments.ts';
import type { Log } from '../log.ts';
import type { Candidate } from '../source/choose-source.ts';
import { connectionError, whereabouts } from '../source/connection-error.ts';
import type { ConnectionTarget } from '../source/connection-uri.ts';
import { inSession } from '../source/in-session.ts';
import { type Access, addressesOf, type Server } from '../source/server.ts';
import { ReplicationConnection, type ServerIdentity } from './replication-connection.ts';
import { haveSlot, type Slot } from './slots.ts';
import { checkWalSource } from './wal-preflight.ts';

/** A server that answers. */
export interface WalServer {
  readonly server: Server;
  readonly systemIdentifier: string;
  readonly inRecovery: boolean;
  /** Of a primary; a standby says it to whoever replicates it. */
  readonly timeline: number;
}

/** A server to stream from, and all that has to be known for it. */
export interface WalSource extends Omit<WalServer, 'systemIdentifier'> {
  readonly connection: ReplicationConnection;
  readonly identity: ServerIdentity;
  readonly segmentBytes: number;
  readonly history: readonly TimelineSwitch[];
  /** The history file as it is; empty of timeline 1. */
  readonly historyText: Buffer;
  readonly slot: Slot & { readonly lost: boolean };
  /** Those that came before it, and did not answer or must not be streamed from. */
  readonly refused: ReadonlySet<ConnectionTarget>;
}

const WHO = `
  select pg_is_in_recovery() as in_recovery,
         (select system_identifier::text from pg_control_system()) as system,
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
        const { in_recovery: inRecovery, timeline, system: systemIdentifier } = rows[0];
        return { server, systemIdentifier, inRecovery, timeline: Number.parseInt(timeline, 16) };
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
  /** Whose WAL it has to be, where that is known. */
  readonly system: string | undefined;
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
  const { candidates, access, log, system, accept } = find;
  let refusal: HoldfastError | undefined;
  const refused = new Set<ConnectionTarget>();
  const refuse = (candidate: Pick<Candidate, 'target'>, error: unknown): void => {
    const why = asHoldfastError(error);
    const { code, message: reason, hint } = why;
    log.warn('source refused', { server: whereabouts(candidate), code, reason, hint });
    refused.add(candidate.target);
    // What one that answers says tells more than that another one is down.
    if (refusal === undefined || code !== 'SOURCE_UNREACHABLE') refusal = why;
  };
  const asked = await Promise.all(
    candidates.map((candidate) =>
      askWalServer(candidate, access).catch((error: unknown) => {
        refuse(candidate, error);
        return undefined;
      }),
    ),
  );
  const answering = asked.filter((one) => one !== undefined).sort(byRank);
  for (const found of answering) {
    try {
      assertSystem(found, system);
      const source = { ...(await open(found, find)), refused };
      try {
        await accept(source);
        return source;
      } catch (error) {
        await source.connection.close();
        throw error;
      }
    } catch (error) {
      refuse(found.server, error);
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

/**
 * WAL of two servers under one name is worth nothing: neither a server that was made anew, or upgraded, in
 * the place of the one before, nor a replica that is none is streamed from.
 *
 * @throws HoldfastError WAL_CONFLICT
 */
export function assertSystem(
  { server, systemIdentifier: found }: Pick<WalServer, 'server' | 'systemIdentifier'>,
  system: string | undefined,
): void {
  if (system === undefined || system === found) return;
  throw new HoldfastError(
    'WAL_CONFLICT',
    `${whereabouts(server)} is the system ${found}; what is streamed is WAL of the system ${system}.`,
    {
      hint: 'A server that was made anew by initdb or pg_upgrade, or another one, needs a cluster of its own: its WAL cannot be told from the old one by name.',
    },
  );
}

async function open(found: WalServer, find: FindOptions): Promise<Omit<WalSource, 'refused'>> {
  const { server, inRecovery } = found;
  const slot = await inSession(server, async (client) => {
    await checkWalSource(client, server, find.options);
    return await haveSlot(client, server, find.slotName);
  });
  const connection = await ReplicationConnection.open(server);
  try {
    const segmentBytes = await connection.segmentBytes();
    const now = await timelinesOf(connection);
    return { server, inRecovery, connection, segmentBytes, slot, ...now };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Who a server is, on which timeline by now, and where that comes from: a standby may be promoted at any time. */
export async function timelinesOf(
  connection: ReplicationConnection,
): Promise<Pick<WalSource, 'identity' | 'timeline' | 'history' | 'historyText'>> {
  const identity = await connection.identify();
  const { timeline } = identity;
  if (timeline === 1) return { identity, timeline, history: [], historyText: Buffer.alloc(0) };
  const { text } = await connection.timelineHistory(timeline);
  const where = `${historyName(timeline)} of ${whereabouts(connection.server)}`;
  const history = parseTimelineHistory(text.toString('utf8'), timeline, where);
  return { identity, timeline, history, historyText: text };
}
