import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerPid } from '../local-cloud/platform/container.ts';
import { type BenchCloud, CLUSTER, takeBackup } from './bench-cloud.ts';
import { BareChain, changeRows } from './chain-contender.ts';
import { inTurn, type Measurement, ratio } from './figures.ts';
import type { MeasureOptions } from './measure.ts';
import { observeTask } from './observe-task.ts';

const MIB = 1024 * 1024;
const INCREMENTALS = 3;

/** What lays the data directory out: once it has ended, there is what the alternative makes. */
const LAST_STEP = 'pg_combinebackup';

/**
 * A restore of a full backup and its incrementals against unpacking and combining the same from a local disk.
 * What is compared is the same work: until the data directory lies there, combined. The command goes on with
 * what the alternative does not do: it has the result verified, starts the server, recovers it, and shuts it
 * down. That is reported beside it.
 */
export async function measureChain(
  bench: BenchCloud,
  { rounds, log }: MeasureOptions,
): Promise<Measurement> {
  await summarizeWal(bench);
  const bare = await BareChain.start(bench, log);
  let label = '';
  for (let time = 0; time <= INCREMENTALS; time += 1) {
    if (time > 0) await changeRows(bench, time - 1);
    const type = time === 0 ? 'full' : 'incremental';
    const { manifest } = await takeBackup(bench, { kind: 'physical', type });
    if (manifest.type !== type) throw new Error(`${manifest.label} is ${manifest.type}.`);
    label = manifest.label;
    await bare.add();
    log(`${type} backup taken, and a bare one`);
  }
  const stages: Restored['stages'][] = [];
  const whole: number[] = [];
  let peakRssBytes = 0;
  const seconds = await inTurn(
    rounds,
    {
      bare: () => bare.restore(),
      holdfast: async () => {
        const restored = await restore(bench, label);
        stages.push(restored.stages);
        whole.push(restored.seconds);
        peakRssBytes = Math.max(peakRssBytes, restored.peakRssBytes);
        return restored.combined;
      },
    },
    log,
  );
  await bare.stop();
  return {
    title: `Restore of a full backup and ${INCREMENTALS} incrementals`,
    figures: [
      {
        name: 'until combined: container, catalog, fetch, pg_combinebackup',
        value: Math.min(...seconds.holdfast),
        unit: 's',
      },
      {
        name: 'the same, against bare tar x and pg_combinebackup from local disk',
        value: ratio(seconds.holdfast, seconds.bare),
        unit: '×',
        atMost: 1.25,
      },
      { name: 'of it, fetch', value: least(stages, 'fetch'), unit: 's' },
      { name: 'of it, combine', value: least(stages, 'combine'), unit: 's' },
      { name: 'verify (most of it after)', value: least(stages, 'verify'), unit: 's' },
      { name: 'recover (after)', value: least(stages, 'recover'), unit: 's' },
      { name: 'whole command, to the shut-down server', value: Math.min(...whole), unit: 's' },
      { name: 'whole command, against bare', value: ratio(whole, seconds.bare), unit: '×' },
      { name: 'peak RSS, from outside', value: peakRssBytes / MIB, unit: 'MiB', atMost: 192 },
    ],
    rounds: seconds,
    notes: { stages, whole },
  };
}

function least(stages: readonly Restored['stages'][], stage: keyof Restored['stages']): number {
  return Math.min(...stages.map((one) => one[stage]));
}

/** Kept data may be older than the setting. */
async function summarizeWal({ cloud: { primary, standby } }: BenchCloud): Promise<void> {
  for (const server of [primary, standby]) {
    await server.query('alter system set summarize_wal = on');
    await server.query('select pg_reload_conf()');
  }
}

/** Seconds. */
interface Restored {
  /** From the start of the container to the end of pg_combinebackup, give or take a look at it. */
  readonly combined: number;
  /** To the end of the container. */
  readonly seconds: number;
  readonly stages: Readonly<Record<'fetch' | 'combine' | 'verify' | 'recover', number>>;
  readonly peakRssBytes: number;
}

async function restore({ cloud }: BenchCloud, label: string): Promise<Restored> {
  const container = `holdfast-${cloud.run}-bench-${randomBytes(4).toString('hex')}`;
  const began = performance.now();
  let over = false;
  const restoring = cloud.holdfast(
    [
      // There is no WAL but the backup's own: the end of that is the latest there is.
      ...['restore', '--kind', 'physical', '--cluster', CLUSTER, '--label', label, '--json'],
      ...['--target', 'latest', '--directory', '/spool/restored'],
    ],
    { container },
  );
  const ended = (): void => {
    over = true;
  };
  void restoring.then(ended, ended);
  const watching = (async () => {
    let pid: number | undefined;
    while (!over && pid === undefined) {
      pid = await containerPid(container);
      await sleep(50);
    }
    return pid === undefined ? undefined : await observeTask({ pid }, LAST_STEP);
  })();
  const { exitCode, stdout, stderr } = await restoring;
  const seconds = (performance.now() - began) / 1000;
  if (exitCode !== 0) throw new Error(`The restore ended with ${exitCode}: ${stderr}`);
  const { seconds: stages } = JSON.parse(stdout) as { seconds: Restored['stages'] };
  const { peakRssBytes = 0, lastSeen } = (await watching) ?? {};
  // Where it was too short to be seen, all that came after it counts too.
  const combined = lastSeen === undefined ? seconds : (lastSeen - began) / 1000;
  return { combined, seconds, stages, peakRssBytes };
}
