/** One number that is asked for, or reported beside it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: '×' | 's' | 'MiB' | 'MB/s' | 'objects' | 'looks';
  /** The most that it may be. @default it is only reported, unless it has a least */
  readonly atMost?: number;
  /** The least. @default none */
  readonly atLeast?: number;
}

/** What one measurement found. */
export interface Measurement {
  readonly title: string;
  readonly figures: readonly Figure[];
  /** Seconds of each round, by what ran. */
  readonly rounds: Readonly<Record<string, readonly number[]>>;
  /** More that helps to read the figures: what the alternatives were, durations per stage. */
  readonly notes: Readonly<Record<string, unknown>>;
}

export function fallsShort({ value, atMost, atLeast }: Figure): boolean {
  return (
    !Number.isFinite(value) ||
    (atMost !== undefined && value > atMost) ||
    (atLeast !== undefined && value < atLeast)
  );
}

/**
 * Runs the alternatives in turn, A B C A B C, so that whatever else the machine does meets them all.
 *
 * @returns seconds of each round, by name.
 */
export async function inTurn<Name extends string>(
  rounds: number,
  alternatives: Readonly<Record<Name, () => Promise<number>>>,
  log: (line: string) => void,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(alternatives) as Name[];
  const seconds = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >;
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      const took = await alternatives[name]();
      seconds[name].push(took);
      log(`round ${round} of ${rounds}: ${name} ${took.toFixed(2)} s`);
    }
  }
  return seconds;
}

/** The best of one against the best of the other. */
export function ratio(one: readonly number[], other: readonly number[]): number {
  return Math.min(...one) / Math.min(...other);
}

/** The least value that so many of a hundred do not exceed; not a number where there are none. */
export function percentile(values: readonly number[], ofHundred: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * ofHundred) / 100) - 1)] ?? Number.NaN;
}

/** The figures as a table. */
export function table(measurements: readonly Measurement[]): string {
  const rows = measurements.flatMap(({ title, figures }) => [
    [title, '', '', ''],
    ...figures.map((figure) => [
      `  ${figure.name}`,
      `${figure.value.toFixed(COUNTED.has(figure.unit) ? 0 : 2)} ${figure.unit}`,
      limit(figure),
      verdict(figure),
    ]),
  ]);
  const width = (column: number): number =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [name, value, bound] = [width(0), width(1), width(2)];
  return rows
    .map(([a = '', b = '', c = '', d = '']) =>
      `${a.padEnd(name)}  ${b.padStart(value)}  ${c.padEnd(bound)}  ${d}`.trimEnd(),
    )
    .join('\n');
}

const COUNTED: ReadonlySet<Figure['unit']> = new Set(['objects', 'looks']);

function limit({ atMost, atLeast, unit }: Figure): string {
  if (atMost !== undefined) return `≤ ${atMost} ${unit}`;
  return atLeast === undefined ? '' : `≥ ${atLeast} ${unit}`;
}

function verdict(figure: Figure): string {
  if (fallsShort(figure)) return 'FALLS SHORT';
  return limit(figure) === '' ? '' : 'ok';
}
