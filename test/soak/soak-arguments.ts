export const SOAK_USAGE = `Usage: npm run soak -- [SECONDS] [SEED]

Kills streamers and servers for SECONDS (600 unless given), and ends with status 1 if anything acknowledged
is lost. The same SEED makes the same choices again; without it, one is taken from the clock.`;

/** What a soak is to do, or why it is not begun. */
export type SoakArguments =
  | { readonly seconds: number; readonly seed: number }
  | { readonly help: true }
  | { readonly refused: string };

/** Both are whole numbers: what is none would be compared with the clock, and never be over. */
export function parseSoakArguments(argv: readonly string[]): SoakArguments {
  if (argv.some((one) => one === '--help' || one === '-h')) return { help: true };
  const strange = argv.find((one, at) => at > 1 || !/^\d{1,9}$/.test(one));
  if (strange !== undefined) {
    return { refused: `"${strange}" is neither a number of seconds nor a seed.` };
  }
  const [seconds = 600, seed = Date.now() % 1_000_000] = argv.map(Number);
  return { seconds, seed };
}
