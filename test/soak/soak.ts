/**
 * Kills streamers and servers for a while, and ends with status 1 if anything acknowledged is lost:
 *
 *   npm run soak -- [SECONDS] [SEED]
 */
import { runSoak } from './run-soak.ts';

const [seconds = 600, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const say = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);
say(`${seconds} seconds, seed ${seed}`);
const result = await runSoak({ seconds, seed, say });
console.log(JSON.stringify(result, undefined, 2));
const { lost, differing, ahead } = result;
process.exitCode = lost.length + differing.length + ahead.length === 0 ? 0 : 1;
