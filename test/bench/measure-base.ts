import { bareBaseBackup, barmanCloudBackup, pgBackRest } from './base-contenders.ts';
import { type BenchCloud, takeBackup } from './bench-cloud.ts';
import { inTurn, type Measurement, ratio } from './figures.ts';
import type { MeasureOptions } from './measure.ts';
import { type Observed, observeTask } from './observe-task.ts';

const MIB = 1024 * 1024;

/** A full base backup against what people take them with, into the same S3 server. */
export async function measureBase(
  bench: BenchCloud,
  { rounds, log }: MeasureOptions,
): Promise<Measurement> {
  const [backRest, barman] = [await pgBackRest(bench, log), await barmanCloudBackup(bench, log)];
  // Whoever comes first would read the data from the disk for all: the standby's, then the primary's.
  await bareBaseBackup(bench);
  await backRest.backup();
  const durations: unknown[] = [];
  let told = 0;
  const seconds = await inTurn(
    rounds,
    {
      bare: () => bareBaseBackup(bench),
      holdfast: async () => {
        const taken = await takeBackup(bench, { kind: 'physical' });
        durations.push(taken.manifest.durations);
        told = Math.max(told, taken.manifest.peak.rssBytes);
        return taken.seconds;
      },
      pgBackRest: () => backRest.backup(),
      'barman-cloud': () => barman.backup(),
    },
    log,
  );
  const observed = await observedOnce(bench);
  const { holdfast } = seconds;
  const rss = { unit: 'MiB', atMost: 192 } as const;
  return {
    title: 'Full base backup into the locked vault, encrypted',
    figures: [
      { name: 'whole task', value: Math.min(...holdfast), unit: 's' },
      {
        name: `against ${backRest.version}, zst 1, aes-256-cbc, 2 processes`,
        value: ratio(holdfast, seconds.pgBackRest),
        unit: '×',
        atMost: 0.75,
      },
      {
        name: `against ${barman.version}, 2 jobs`,
        value: ratio(holdfast, seconds['barman-cloud']),
        unit: '×',
        atMost: 0.5,
      },
      {
        name: 'against bare pg_basebackup -Ft, zstd 1, to local disk',
        value: ratio(holdfast, seconds.bare),
        unit: '×',
      },
      { name: "runner's peak RSS, by its manifest", value: told / MIB, ...rss },
      { name: "runner's peak RSS, from outside", value: observed.peakRssBytes / MIB, ...rss },
    ],
    rounds: seconds,
    notes: {
      served: 'the standby; pgBackRest and barman read the files of the primary beside it',
      durations,
    },
  };
}

/** Apart from the rounds: who looks needs the cores as well, and nobody looks at the others. */
async function observedOnce(bench: BenchCloud): Promise<Observed> {
  let observed: Observed = { peakRssBytes: 0, peakSpoolBytes: 0 };
  await takeBackup(bench, {
    kind: 'physical',
    during: async (task) => {
      observed = await observeTask(task);
    },
  });
  return observed;
}
