import { createVolume, removeContainer } from '../local-cloud/platform/container.ts';
import type { BenchCloud } from './bench-cloud.ts';
import { contendersImage } from './contenders-image.ts';
import { DATABASE } from './dataset.ts';
import { type ContainerExtras, inContainer, superuserEnvironment } from './in-container.ts';

/** A chain of base backups on a local disk, as pg_basebackup writes them: tars, compressed. */
export class BareChain {
  readonly #bench: BenchCloud;
  readonly #extras: ContainerExtras & { readonly volume: string };
  readonly #members: string[] = [];

  private constructor(bench: BenchCloud, extras: ContainerExtras & { readonly volume: string }) {
    this.#bench = bench;
    this.#extras = extras;
  }

  static async start(bench: BenchCloud, log: (line: string) => void): Promise<BareChain> {
    const volume = `holdfast-${bench.cloud.run}-bench-chain`;
    const image = await contendersImage(log);
    await createVolume(volume, bench.cloud.run);
    return new BareChain(bench, { image, user: 'postgres', volume });
  }

  /** Takes the chain's next backup from the standby: the first is full, the others incremental. */
  async add(): Promise<void> {
    const parent = this.#members.at(-1);
    const name = `member-${this.#members.length}`;
    const incremental = parent === undefined ? '' : `-i /spool/${parent}/backup_manifest`;
    await this.#run(
      `pg_basebackup -Ft --compress=client-zstd:1 -X stream -c fast ${incremental} -D /spool/${name}`,
    );
    this.#members.push(name);
  }

  /** Unpacks all of them and combines them. Seconds. */
  async restore(): Promise<number> {
    const members = this.#members.join(' ');
    await this.#run('rm -rf /spool/unpacked /spool/restored');
    return await this.#run(`set -e
      cd /spool
      for member in ${members}; do
        mkdir -p unpacked/$member
        tar --extract --zstd --file $member/base.tar.zst --directory unpacked/$member
        cp $member/backup_manifest unpacked/$member/
      done
      (cd unpacked && pg_combinebackup ${members} --output ../restored)
      tar --extract --file ${this.#members.at(-1)}/pg_wal.tar --directory restored/pg_wal`);
  }

  async stop(): Promise<void> {
    await removeContainer('none', [this.#extras.volume]);
  }

  #run(script: string): Promise<number> {
    const environment = superuserEnvironment(this.#bench.cloud.standby);
    return inContainer(this.#bench, script, environment, this.#extras);
  }
}

/** Part of the rows of two tables that a change touches: one after the other, as an application's day does. */
const PART = 25;

/** Changes a part of the rows, another one each time, and waits until the standby could be backed up anew. */
export async function changeRows({ cloud }: BenchCloud, time: number): Promise<void> {
  const { primary, standby } = cloud;
  for (const table of ['a', 'c']) {
    await primary.query(
      `update ${table} set amt = amt + 1, payload = md5(payload)
       where id between (select max(id) from ${table}) * ${time} / ${PART} + 1
         and (select max(id) from ${table}) * ${time + 1} / ${PART}`,
      { database: DATABASE },
    );
  }
  await primary.query('checkpoint');
  await standby.waitForReplay();
  await standby.query('checkpoint');
}
