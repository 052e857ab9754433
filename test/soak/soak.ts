/** `npm run soak`: what it does, `--help` says. */
import { runSoak } from './run-soak.ts';
import { parseSoakArguments, SOAK_USAGE } from './soak-arguments.ts';

const wanted = parseSoakArguments(process.argv.slice(2));
if ('refused' in wanted) {
  console.error(`${wanted.refused}\n\n${SOAK_USAGE}`);
  process.exitCode = 2;
} else if ('help' in wanted) {
  console.log(SOAK_USAGE);
} else {
  const { seconds, seed } = wanted;
  const say = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);
  say(`${seconds} seconds, seed ${seed}`);
  const result = await runSoak({ seconds, seed, say });
  console.log(JSON.stringify(result, undefined, 2));
  const { lost, differing, ahead } = result;
  process.exitCode = lost.length + differing.length + ahead.length === 0 ? 0 : 1;
}
