import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn } from '../../contract/wal-segments.ts';
import {
  acknowledged,
  archivedUpTo,
  differences,
  flushedUpTo,
} from '../containers/runner/wal/archived-wal.ts';
import { SLOT } from '../containers/runner/wal/streamer-fixture.ts';
import { makeCertificates } from '../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../local-cloud/servers/postgres.ts';
import { startRun } from '../local-cloud/servers/run.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { type RealVault, startRealVault } from '../vault/real-vault.ts';
import { bundleStreamer } from './bundle-streamer.ts';
import { KillableStreamer } from './killable-streamer.ts';
import { BASE_MOUNT, restoreLatest, takeBase } from './restored-server.ts';
import { seeded } from './seeded.ts';
import { type Commit, Writer } from './writer.ts';

export interface SoakOptions {
  /** How long servers and streamers are killed. Seconds. @default for ever */
  readonly seconds?: number;
  /** How many of them are killed, at most. @default as many as there is time for */
  readonly kills?: number;
  readonly seed: number;
  /** Told what happens. @default nobody */
  readonly say?: (line: string) => void;
}

export interface SoakResult {
  readonly streamerKills: number;
  readonly serverKills: number;
  /** Commits that the server confirmed to its client. */
  readonly commits: number;
  /** Of these, the ones whose WAL the streamer had acknowledged. */
  readonly acknowledgedCommits: number;
  /** Acknowledged commits that the restored server does not have. */
  readonly lost: readonly number[];
  /** Segments in the vault that are not what the server has, or not there. */
  readonly differing: readonly string[];
  /** Steps at which the server was told of more than the vault had. */
  readonly ahead: readonly string[];
  /** Steps at which that was looked at. */
  readonly looks: number;
  /** The most memory that a streamer has had. Bytes. */
  readonly mostResident: number;
}

const CLUSTER = 'soak';
const INCREMENT_SECONDS = 0.5;

/**
 * Kills the streamer and the primary at random moments under load, each by SIGKILL, the streamer without
 * anything left to it but the vault and the slot. Then the vault's WAL, by which a base backup of the
 * beginning is brought to its end, has to hold every commit that the streamer had acknowledged.
 */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const run = await startRun();
  const certificates = await makeCertificates(run);
  const vault = await startRealVault();
  const base = join(run.directory, 'base');
  await mkdir(base);
  const server = await startLoneServer({ run, certificates }, 'soak', [`${base}:${BASE_MOUNT}`]);
  const told = { uris: [server.uri], ca: certificates.caPem, access: vault.access };
  const streamer = new KillableStreamer(await bundleStreamer(run.directory), {
    ...{ ...told, cluster: CLUSTER, incrementSeconds: INCREMENT_SECONDS },
  });
  try {
    // Every segment is kept, to be compared.
    await server.query(`ALTER SYSTEM SET wal_keep_size = '100GB'`);
    await server.query('SELECT pg_reload_conf()');
    const from = await flushedUpTo(server);
    streamer.start();
    await waitUntil(async () => (await acknowledged(server, SLOT)) > 0n, {
      what: 'the streamer to begin',
      timeoutMs: 60_000,
      explain: () => streamer.lines.join('\n'),
    });
    await takeBase(server, base);
    const soaked = await soak(options, server, vault, streamer, from);
    const reached = await archivedUpTo(vault, CLUSTER, 1, from);
    const compared = { timeline: 1, from, to: reached };
    const differing = await differences(vault, CLUSTER, server, compared);
    const restored = await restoreLatest({ run, certificates, vault, cluster: CLUSTER, base });
    const lost = await missing(restored, soaked.safe);
    await restored.stop();
    return {
      ...soaked.result,
      ...{ differing, lost, acknowledgedCommits: soaked.safe.length },
      mostResident: streamer.mostResident,
    };
  } finally {
    await streamer.kill();
    await server.stop();
    await vault.stop();
    await run.stop();
  }
}

async function soak(
  { seconds = Infinity, kills = Infinity, seed, say = () => undefined }: SoakOptions,
  server: PostgresServer,
  vault: RealVault,
  streamer: KillableStreamer,
  from: bigint,
) {
  const random = seeded(seed);
  const writer = new Writer(server, seeded(seed + 1));
  await writer.start();
  const watch = new Watch(server, vault, from);
  const until = Date.now() + seconds * 1000;
  let serverKills = 0;
  for (let killed = 0; killed < kills && Date.now() < until; killed += 1) {
    await sleep(200 + random() * 2_800);
    if (random() < 0.25) {
      serverKills += 1;
      say(`the server is killed after ${writer.commits.length} commits`);
      await server.crash();
    } else {
      await streamer.kill();
      say(`the streamer is killed; acknowledged up to ${formatLsn(watch.highest)}`);
      await sleep(random() * 1_000);
      streamer.start();
    }
  }
  // The last life gets far enough to be killed with something behind it.
  const target = await flushedUpTo(server);
  await waitUntil(() => watch.highest >= target, {
    what: 'the streamer to catch up',
    timeoutMs: 120_000,
    explain: () => streamer.lines.join('\n'),
  });
  await streamer.kill();
  await writer.stop();
  await watch.stop();
  const safe = writer.commits.filter(({ lsn }) => lsn <= watch.highest);
  const { ahead, looks } = watch;
  const commits = writer.commits.length;
  return { safe, result: { streamerKills: streamer.kills, serverKills, commits, ahead, looks } };
}

/** Looks all the time at what the server was told, and then whether the vault has it. */
class Watch {
  highest = 0n;
  looks = 0;
  readonly ahead: string[] = [];
  #over = false;
  readonly #done: Promise<void>;

  constructor(server: PostgresServer, vault: RealVault, from: bigint) {
    this.#done = this.#look(server, vault, from);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#done;
  }

  async #look(server: PostgresServer, vault: RealVault, from: bigint): Promise<void> {
    let checked = from;
    while (!this.#over) {
      await sleep(50);
      const said = await acknowledged(server, SLOT).catch(() => 0n);
      if (said <= this.highest) continue;
      this.highest = said;
      this.looks += 1;
      const reached = await archivedUpTo(vault, CLUSTER, 1, checked);
      if (reached < said) this.ahead.push(`${formatLsn(said)} > ${formatLsn(reached)}`);
      // Where all is there, the next look need not begin at the beginning.
      else checked = said;
    }
  }
}

async function missing(restored: PostgresServer, safe: readonly Commit[]): Promise<number[]> {
  const { rows } = await restored.query('SELECT id FROM ledger');
  const there = new Set(rows.map(({ id }) => Number(id)));
  return safe.map(({ id }) => id).filter((id) => !there.has(id));
}
