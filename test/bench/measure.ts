import { type BenchCloud, CLUSTER, startTarget, takeBackup } from './bench-cloud.ts';
import {
  bareDump,
  bareRestore,
  dumpBesideUpload,
  dumpThenUpload,
  dumpToVolume,
  pipedDump,
} from './contenders.ts';
import { DATABASE } from './dataset.ts';
import { inTurn, type Measurement, ratio } from './figures.ts';
import { observeTask } from './observe-task.ts';

const MIB = 1024 * 1024;

export interface MeasureOptions {
  readonly rounds: number;
  readonly log: (line: string) => void;
}

/** The whole backup against what people do without it. */
export async function measureBackup(
  bench: BenchCloud,
  { rounds, log }: MeasureOptions,
): Promise<Measurement> {
  // Whoever comes first would read the data from the disk for all.
  await bareDump(bench);
  const volume = await dumpToVolume(bench);
  let last: unknown;
  const seconds = await inTurn(
    rounds,
    {
      bare: () => bareDump(bench),
      holdfast: async () => {
        const taken = await takeBackup(bench, { kind: 'logical' });
        last = taken.manifest.durations;
        return taken.seconds;
      },
      'dump, then upload': () => dumpThenUpload(bench),
      'dump | openssl | upload': () => pipedDump(bench),
      'dump beside upload': () => dumpBesideUpload(bench, volume),
    },
    log,
  );
  const { holdfast } = seconds;
  return {
    title: 'Backup from a standby into the locked vault, encrypted',
    figures: [
      { name: 'whole task', value: Math.min(...holdfast), unit: 's' },
      {
        name: 'against pg_dump -Fd, then a plain upload of its files',
        value: ratio(holdfast, seconds['dump, then upload']),
        unit: '×',
        atMost: 1,
      },
      {
        name: 'against pg_dump -Fc | openssl | upload',
        value: ratio(holdfast, seconds['dump | openssl | upload']),
        unit: '×',
        atMost: 0.75,
      },
      { name: 'against bare pg_dump -Fd', value: ratio(holdfast, seconds.bare), unit: '×' },
      {
        name: 'a floor: pg_dump -Fd beside a plain upload of as much, against the pipe',
        value: ratio(seconds['dump beside upload'], seconds['dump | openssl | upload']),
        unit: '×',
      },
    ],
    rounds: seconds,
    notes: {
      'plain upload': '@aws-sdk/client-s3, parts of 8 MiB, 4 at a time, no lock',
      'upload of the pipe': 'aws s3 cp -',
      durations: last,
    },
  };
}

/** Memory and disk of the runner, from its own words and from outside. */
export async function measureMemory(
  bench: BenchCloud,
  { log }: MeasureOptions,
): Promise<Measurement> {
  let observed = { peakRssBytes: 0, peakSpoolBytes: 0 };
  const { manifest, seconds } = await takeBackup(bench, {
    kind: 'logical',
    during: async (task) => {
      observed = await observeTask(task);
    },
  });
  const bytes = manifest.databases.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const size = `${(bytes / 1e9).toFixed(1)} GB`;
  log(`a backup of ${size}, watched: ${seconds.toFixed(2)} s`);
  const rss = { unit: 'MiB', atMost: 192 } as const;
  const spool = { unit: 'MiB', atMost: manifest.spool.capBytes / MIB + 64 } as const;
  return {
    title: `Memory and spool at ${size}`,
    figures: [
      { name: "runner's peak RSS, by its manifest", value: manifest.peak.rssBytes / MIB, ...rss },
      { name: "runner's peak RSS, from outside", value: observed.peakRssBytes / MIB, ...rss },
      { name: 'spool, by its manifest', value: manifest.peak.spoolBytes / MIB, ...spool },
      { name: 'spool, from outside', value: observed.peakSpoolBytes / MIB, ...spool },
    ],
    rounds: { holdfast: [seconds] },
    notes: { durations: manifest.durations },
  };
}

/** Many small tables: files, not bytes. */
export async function measureTables(
  bench: BenchCloud,
  { rounds, log }: MeasureOptions,
): Promise<Measurement> {
  await bareDump(bench);
  let objects = 0;
  let durations: unknown;
  const seconds = await inTurn(
    rounds,
    {
      bare: () => bareDump(bench),
      holdfast: async () => {
        const taken = await takeBackup(bench, { kind: 'logical' });
        objects = Math.max(objects, taken.objects);
        durations = taken.manifest.durations;
        return taken.seconds;
      },
    },
    log,
  );
  return {
    title: 'Many small tables',
    figures: [
      { name: 'whole task', value: Math.min(...seconds.holdfast), unit: 's' },
      {
        name: 'against bare pg_dump -Fd',
        value: ratio(seconds.holdfast, seconds.bare),
        unit: '×',
        atMost: 1.15,
      },
      { name: 'objects in the vault', value: objects, unit: 'objects', atMost: 100 },
    ],
    rounds: seconds,
    notes: { durations },
  };
}

/** A restore with two jobs against `pg_restore -j2` of the same dump on a local disk. */
export async function measureRestore(
  bench: BenchCloud,
  { rounds, log }: MeasureOptions,
): Promise<Measurement> {
  const { manifest } = await takeBackup(bench, { kind: 'logical' });
  const volume = await dumpToVolume(bench);
  const target = await startTarget(bench);
  const stages: unknown[] = [];
  const emptied = async (create: boolean): Promise<void> => {
    await target.query(`drop database if exists ${DATABASE}`);
    if (create) await target.query(`create database ${DATABASE}`);
    await target.query('checkpoint');
  };
  const seconds = await inTurn(
    rounds,
    {
      bare: async () => {
        await emptied(true);
        return await bareRestore(bench, target, volume);
      },
      holdfast: async () => {
        await emptied(false);
        const began = performance.now();
        const { exitCode, stdout, stderr } = await bench.cloud.holdfast(
          [
            ...['restore', '--cluster', CLUSTER, '--label', manifest.label, '--jobs', '2'],
            ...['--database', DATABASE, '--no-owner', '--json'],
          ],
          { env: { HOLDFAST_RESTORE_URI: target.uri } },
        );
        const took = (performance.now() - began) / 1000;
        if (exitCode !== 0) throw new Error(`The restore ended with ${exitCode}: ${stderr}`);
        stages.push((JSON.parse(stdout) as { seconds: unknown }).seconds);
        return took;
      },
    },
    log,
  );
  await target.stop();
  return {
    title: 'Restore with two jobs into an empty server',
    figures: [
      { name: 'whole command', value: Math.min(...seconds.holdfast), unit: 's' },
      {
        name: 'against bare pg_restore -j2',
        value: ratio(seconds.holdfast, seconds.bare),
        unit: '×',
        atMost: 1.15,
      },
    ],
    rounds: seconds,
    notes: { stages },
  };
}
