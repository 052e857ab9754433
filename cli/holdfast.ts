#!/usr/bin/env node
import { ExitCode } from '../contract/exit-codes.ts';
import { awsServices } from './aws-services.ts';
import { main } from './main.ts';
import { terminated } from './print-error.ts';

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
  services: awsServices(),
});
// A request that nobody waits for any more would keep the process alive until it is answered.
if (stop.signal.aborted) process.exit();
