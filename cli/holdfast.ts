#!/usr/bin/env node
import { ExitCode } from '../contract/exit-codes.ts';
import { awsServices } from './aws-services.ts';
import { main } from './main.ts';
import { terminated } from './print-error.ts';

// What nobody foresaw ends with status 1, which PostgreSQL would take for the end of WAL.
if (process.argv[2] === 'wal-fetch') {
  process.on('uncaughtException', (error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(ExitCode.RecoveryMustStop);
  });
}

// The first signal lets a command clean up after itself; a second one does not wait for that.
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(ExitCode.Terminated);
    stop.abort(terminated(name));
  });
}

process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: () => new Date(),
  signal: stop.signal,
  command: [process.execPath, ...process.argv.slice(1, 2)],
  services: awsServices(),
});
// A request that nobody waits for any more would keep the process alive until it is answered.
if (stop.signal.aborted) process.exit();
