import type pg from 'pg';
import { formatLsn, parseLsn } from '../../../contract/wal-segments.ts';
import { connectionError } from '../source/connection-error.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import { buildStatus, type FromServer, parseFromServer } from './replication-messages.ts';

/** SQLSTATE with which a server says that it has the asked WAL no more: `undefined_file`. */
export const WAL_REMOVED = '58P01';

/** Where a timeline ended, and which one goes on from there. */
export interface TimelineEnd {
  readonly next: number;
  readonly switchLsn: bigint;
}

export interface StreamStart {
  /** Replication slot that holds what is not yet acknowledged. */
  readonly slot: string;
  readonly timeline: number;
  readonly start: bigint;
  /** Called for each message, in order, from the socket's events: it must not throw. */
  readonly received: (message: FromServer) => void;
}

/** What `pg` lets a query of one's own see, and its types do not. */
type Connection = pg.Connection & {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
};

/** WAL on its way from the server, until the timeline ends or the connection does. */
export class WalStream {
  /**
   * Resolves where the server has left the timeline; `undefined` if it stopped sending without that, as
   * one that shuts down does. Rejects with a HoldfastError or the server's own error.
   */
  readonly ended: Promise<TimelineEnd | undefined>;
  readonly #connection: Connection;

  private constructor(connection: Connection, ended: Promise<TimelineEnd | undefined>) {
    this.#connection = connection;
    this.ended = ended;
    ended.catch(() => undefined);
  }

  static start(
    { client, server }: ReplicationConnection,
    { slot, timeline, start, received }: StreamStart,
  ): WalStream {
    const connection = client.connection as Connection;
    const ended = Promise.withResolvers<TimelineEnd | undefined>();
    const row: string[] = [];
    const copyDone = (): void => connection.endCopyFrom();
    // The client does not pass it on to the query.
    connection.on('copyDone', copyDone);
    const settle = (act: () => void): void => {
      connection.removeListener('copyDone', copyDone);
      act();
    };
    const text = `START_REPLICATION SLOT "${slot}" PHYSICAL ${formatLsn(start)} TIMELINE ${timeline}`;
    const query = {
      submit: (to: Connection) => to.query(text),
      handleCopyData: ({ chunk }: { chunk: Buffer }) => received(parseFromServer(chunk)),
      handleRowDescription: () => undefined,
      handleDataRow: ({ fields }: { fields: string[] }) => row.push(...fields),
      handleCommandComplete: () => undefined,
      handleReadyForQuery: () => settle(() => ended.resolve(timelineEnd(row))),
      handleError: (error: unknown) => settle(() => ended.reject(toError(error, server))),
    };
    client.query(query as unknown as pg.Submittable);
    return new WalStream(connection, ended.promise);
  }

  /**
   * Tells the server what is safe. Never throws: a connection that has ended says so elsewhere.
   *
   * @param asks whether it is to answer.
   */
  report(flushed: bigint, asks = false): void {
    this.#connection.sendCopyFromChunk(buildStatus(flushed, asks));
  }

  /** Takes nothing more from the socket, so that the server has to wait. */
  pause(): void {
    this.#connection.stream.pause();
  }

  resume(): void {
    this.#connection.stream.resume();
  }
}

function timelineEnd([next, at]: readonly string[]): TimelineEnd | undefined {
  return next === undefined || at === undefined
    ? undefined
    : { next: Number(next), switchLsn: parseLsn(at) };
}

function toError(error: unknown, server: Parameters<typeof connectionError>[1]): unknown {
  return (error as { code?: string }).code === WAL_REMOVED ? error : connectionError(error, server);
}
