import { setTimeout as sleep } from 'node:timers/promises';
import { parseLsn } from '../../contract/wal-segments.ts';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';

/** A commit that the server has confirmed. */
export interface Commit {
  readonly id: number;
  /** The commit's record ends before. */
  readonly lsn: bigint;
}

/** Commits one row after the other, with ballast beside some of them, whatever becomes of the server. */
export class Writer {
  readonly commits: Commit[] = [];
  readonly #server: PostgresServer;
  readonly #random: () => number;
  #over = false;
  #done: Promise<void> = Promise.resolve();

  constructor(server: PostgresServer, random: () => number) {
    this.#server = server;
    this.#random = random;
  }

  async start(): Promise<void> {
    await this.#server.query('CREATE TABLE ledger (id int PRIMARY KEY, ballast text)');
    this.#done = this.#write();
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#done;
  }

  async #write(): Promise<void> {
    for (let id = 1; !this.#over; id += 1) {
      const ballast = this.#random() < 0.1 ? 20_000 : 1;
      try {
        await this.#server.query(
          `INSERT INTO ledger SELECT ${id}, string_agg(md5(g::text), '') FROM generate_series(1, ${ballast}) g`,
        );
        const { rows } = await this.#server.query(
          'SELECT pg_current_wal_insert_lsn()::text AS lsn',
        );
        this.commits.push({ id, lsn: parseLsn(String(rows[0].lsn)) });
      } catch {
        // The server is down; whether the row is there nobody knows.
        await sleep(100);
      }
    }
  }
}
