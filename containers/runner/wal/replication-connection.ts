import pg from 'pg';
import { parseLsn } from '../../../contract/wal-segments.ts';
import { disconnect } from '../keep-alive.ts';
import { connectionError } from '../source/connection-error.ts';
import { clientConfig, QUERY_TIMEOUT_MS, type Server } from '../source/server.ts';

/** What a server says of itself to whoever replicates it. */
export interface ServerIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** How far its WAL is on its disk. */
  readonly flushed: bigint;
}

/** Everything as the server sends it. */
const AS_TEXT = { getTypeParser: () => (value: string) => value } as pg.CustomTypesConfig;

/**
 * A connection that speaks PostgreSQL's replication commands, and no SQL.
 *
 * @see https://www.postgresql.org/docs/current/protocol-replication.html
 */
export class ReplicationConnection {
  readonly client: pg.Client;
  readonly server: Server;
  readonly #answerMs: number;

  private constructor(server: Server, client: pg.Client, answerMs: number) {
    this.server = server;
    this.client = client;
    this.#answerMs = answerMs;
  }

  /**
   * @param answerMs how long the answer to a command may take. Milliseconds.
   * @throws HoldfastError SOURCE_UNREACHABLE, SOURCE_AUTHENTICATION, SOURCE_TLS
   */
  static async open(server: Server, answerMs = QUERY_TIMEOUT_MS): Promise<ReplicationConnection> {
    const config = { ...clientConfig(server), replication: 'true', types: AS_TEXT };
    const client = new pg.Client(config);
    // One that breaks between two commands must not end the process; the next command fails.
    client.on('error', () => {});
    try {
      await client.connect();
    } catch (error) {
      await disconnect(client);
      throw connectionError(error, server);
    }
    return new ReplicationConnection(server, client, answerMs);
  }

  async identify(): Promise<ServerIdentity> {
    const row = await this.#one('IDENTIFY_SYSTEM');
    return {
      systemIdentifier: row.systemid ?? '',
      timeline: Number(row.timeline),
      flushed: parseLsn(row.xlogpos ?? ''),
    };
  }

  /** The size of a segment of WAL. Bytes. */
  async segmentBytes(): Promise<number> {
    const { wal_segment_size: text = '' } = await this.#one('SHOW wal_segment_size');
    const [, number, unit] = /^(\d+)(kB|MB|GB)$/.exec(text) ?? [];
    const power = ['kB', 'MB', 'GB'].indexOf(unit ?? '') + 1;
    if (number === undefined || power === 0) throw new Error(`wal_segment_size is ${text}`);
    return Number(number) * 1024 ** power;
  }

  async inRecovery(): Promise<boolean> {
    return (await this.#one('SHOW in_hot_standby')).in_hot_standby === 'on';
  }

  /** The file that says where a timeline comes from. */
  async timelineHistory(timeline: number): Promise<{ file: string; text: Buffer }> {
    const { filename = '', content = '' } = await this.#one(`TIMELINE_HISTORY ${timeline}`);
    return { file: filename, text: Buffer.from(content, 'utf8') };
  }

  async close(): Promise<void> {
    await disconnect(this.client);
  }

  async #one(command: string): Promise<Record<string, string | undefined>> {
    // Of each command, and not of the connection: a stream is a query that never ends.
    const query: pg.QueryConfig & Pick<pg.ClientConfig, 'query_timeout'> = {
      text: command,
      query_timeout: this.#answerMs,
    };
    try {
      const { rows } = await this.client.query<Record<string, string | undefined>>(query);
      return rows[0] ?? {};
    } catch (error) {
      throw connectionError(error, this.server);
    }
  }
}
