import { execa } from 'execa';
import { parseWalDump } from '../../../containers/runner/restore-physical/wal-tail.ts';
import type { WalIndex } from '../../../contract/wal-object.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';
import {
  composeFile,
  composeIncrement,
  putHistory,
  putIncrement,
  putSegment,
} from '../../../vault/wal/wal-writer.ts';
import type { PostgresServer } from '../../local-cloud/servers/postgres.ts';
import { DATA } from '../../local-cloud/servers/postgres-scripts.ts';

type Source = Pick<PostgresServer, 'exec' | 'query' | 'container'>;

/** Puts a server's WAL into the vault, as the streamer would: whole segments, and what is there of the open one. */
export class WalArchive {
  readonly #server: Source;
  readonly #vault: WalVault;
  readonly #done = new Set<string>();
  #opened = 0;

  constructor(server: Source, vault: WalVault) {
    this.#server = server;
    this.#vault = vault;
  }

  /** Ends the open segment, and archives all that are whole. @returns their names */
  async whole(): Promise<string[]> {
    // A record first: a switch right after a switch does nothing.
    await this.#server.query(`SELECT pg_logical_emit_message(false, 'archive', 'end')`);
    const { rows } = await this.#server.query(
      'SELECT pg_walfile_name(pg_switch_wal() - 1) AS last',
    );
    const { last } = rows[0] as { last: string };
    const { stdout } = await this.#server.exec(['ls', `${DATA}/pg_wal`]);
    const names = stdout.split('\n').filter((name) => /^[0-9A-F]{24}$/.test(name));
    const archived: string[] = [];
    for (const name of names.sort()) {
      if (name > last || this.#done.has(name)) continue;
      const body = await composeFile(this.#vault, name, await this.#read(`pg_wal/${name}`));
      await putSegment(this.#vault, name, body, { index: await this.#index(name) });
      this.#done.add(name);
      archived.push(name);
    }
    this.#opened = 0;
    return archived;
  }

  /**
   * Archives what the open segment has that is not there yet.
   *
   * @param meanwhile done before it is in the vault.
   * @returns its name
   */
  async open(meanwhile: () => Promise<void> = async () => undefined): Promise<string> {
    const { rows } = await this.#server.query(
      `SELECT name.file_name AS name, name.file_offset AS offset,
         to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
       FROM pg_walfile_name_offset(pg_current_wal_flush_lsn()) AS name`,
    );
    const { name, offset, at } = rows[0] as { name: string; offset: number; at: string };
    const bytes = (await this.#read(`pg_wal/${name}`)).subarray(this.#opened, offset);
    await meanwhile();
    await putIncrement(
      ...([this.#vault, name, this.#opened] as const),
      await composeIncrement(this.#vault, Buffer.from(bytes)),
      at,
    );
    this.#opened = offset;
    return name;
  }

  async history(name: string): Promise<void> {
    await putHistory(this.#vault, name, await this.#read(`pg_wal/${name}`));
  }

  async #read(path: string): Promise<Buffer> {
    const { stdout } = await execa(
      'podman',
      ['exec', this.#server.container, 'cat', `${DATA}/${path}`],
      { encoding: 'buffer', maxBuffer: 2 ** 26 },
    );
    return Buffer.from(stdout);
  }

  async #index(name: string): Promise<WalIndex> {
    const { stdout } = await this.#server.exec([
      ...[
        'sh',
        '-c',
        'TZ=UTC /usr/lib/postgresql/17/bin/pg_waldump "$1" 2>/dev/null || true',
        'sh',
      ],
      `${DATA}/pg_wal/${name}`,
    ]);
    const { ends, restorePoints } = parseWalDump(stdout);
    const commits = ends.filter(({ commits: is }) => is);
    const times = commits.map(({ at }) => at).sort();
    const xids = ends.map(({ xid }) => xid);
    return {
      commits: commits.length,
      firstCommitAt: times[0] ?? null,
      lastCommitAt: times.at(-1) ?? null,
      lastCommitLsn: commits.at(-1)?.lsn ?? null,
      xids: xids.length === 0 ? null : [Math.min(...xids), Math.max(...xids)],
      restorePoints: restorePoints.map((point) => ({ ...point, at: new Date().toISOString() })),
      moreRestorePoints: 0,
    };
  }
}
