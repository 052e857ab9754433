/**
 * `npm run bench`: the figures that Holdfast promises, measured against the local cloud. Ends with
 * exit status 1 when one falls short.
 */
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchCloud, type BenchCloudOptions, startBenchCloud } from './bench-cloud.ts';
import { type Dataset, rowsDataset, tablesDataset } from './dataset.ts';
import { fallsShort, type Measurement, table } from './figures.ts';
import {
  type MeasureOptions,
  measureBackup,
  measureMemory,
  measureRestore,
  measureTables,
} from './measure.ts';
import { measureBase } from './measure-base.ts';
import { measureChain } from './measure-chain.ts';
import { measureWal } from './measure-wal.ts';

/** What each kind of backup is measured by. */
const FIGURES = {
  logical: ['backup', 'memory', 'tables', 'restore'],
  physical: ['base', 'wal', 'chain'],
} as const;
type Kind = keyof typeof FIGURES;
type FigureName = (typeof FIGURES)[Kind][number];

const HELP = `npm run bench [-- KIND OPTIONS]

  KIND           logical or physical  [logical]
  --scale N      size of the data; 1 is about 2 GB, and 8 GB and 10,000 tables for the figures
                 that ask for those; 0.02 is a smoke run  [1]
  --only FIGURE  one of ${FIGURES.logical.join(', ')};
                 physical: ${FIGURES.physical.join(', ')}; may be given several times  [all]
  --rounds N     of which the best counts  [3]
  --json FILE    where the numbers go  [bench.json]
  --help

The data is loaded once and kept in the cache. Nothing else should run on the machine.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string', default: 'bench.json' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const scale = positive('--scale', values.scale);
const rounds = positive('--rounds', values.rounds);
const kind = kindNamed(positionals);
const only = (values.only ?? FIGURES[kind]).map(figureName);

const log = (line: string): void => void process.stderr.write(`bench: ${line}\n`);
const measurements: Measurement[] = [];
const options: MeasureOptions = {
  rounds,
  log,
};

await on(rowsDataset(scale), 'rows', [
  ['backup', measureBackup],
  ['memory', measureMemory],
  ['restore', measureRestore],
]);
await on(rowsDataset(4 * scale), 'four times the rows', [['memory', measureMemory]]);
await on(tablesDataset(scale), 'tables', [['tables', measureTables]]);
await on(rowsDataset(scale), 'rows', [['base', measureBase]]);
const wal = { bytes: 2.5e9 * scale, seconds: Math.max(5, 60 * scale) };
await on(
  rowsDataset(0.002),
  'a primary to stream from',
  [['wal', (bench, given) => measureWal(bench, { ...given, ...wal })]],
  { changes: true },
);
await on(rowsDataset(scale), 'rows that change', [['chain', measureChain]], { changes: true });

const short = measurements.flatMap(({ figures }) => figures).filter(fallsShort);
const [cpu] = cpus();
const report = {
  measuredAt: new Date().toISOString(),
  scale,
  machine: { cpus: cpus().length, model: cpu?.model, memoryMiB: Math.round(totalmem() / 2 ** 20) },
  passed: short.length === 0,
  measurements,
};
await writeFile(resolve(values.json), `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${table(measurements)}\n\nThe numbers are in ${resolve(values.json)}.\n`);
if (short.length > 0) process.exitCode = 1;

async function on(
  dataset: Dataset,
  what: string,
  wanted: readonly (readonly [
    FigureName,
    (bench: BenchCloud, options: MeasureOptions) => Promise<Measurement>,
  ])[],
  cloud: BenchCloudOptions = {},
): Promise<void> {
  const asked = wanted.filter(([name]) => only.includes(name));
  if (asked.length === 0) return;
  log(`starting the local cloud with ${what}`);
  const bench = await startBenchCloud(dataset, log, cloud);
  try {
    for (const [name, measure] of asked) {
      log(`measuring: ${name}`);
      measurements.push(await measure(bench, options));
    }
  } finally {
    await bench.stop();
  }
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  return wrong(`${option} is ${JSON.stringify(text)}: give a number above 0.`);
}

function kindNamed([text = 'logical', ...more]: readonly string[]): Kind {
  const kinds = Object.keys(FIGURES) as Kind[];
  const named = more.length === 0 ? kinds.find((each) => each === text) : undefined;
  return (
    named ??
    wrong(`KIND is ${JSON.stringify([text, ...more].join(' '))}: give one of ${kinds.join(', ')}.`)
  );
}

function figureName(text: string): FigureName {
  const names: readonly FigureName[] = FIGURES[kind];
  const name = names.find((each) => each === text);
  return name ?? wrong(`--only is ${JSON.stringify(text)}: give one of ${names.join(', ')}.`);
}

function wrong(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
