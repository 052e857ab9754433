import { EnvironmentVariable, PROBE_WAL } from '../../contract/environment-variables.ts';
import { asHoldfastError, HoldfastError } from '../../contract/errors.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { TASK_FAILED } from '../../contract/last-words.ts';
import { createLog, type Log } from './log.ts';
import { readProbeConfiguration } from './probe-wal/probe-configuration.ts';
import { probeWal } from './probe-wal/probe-wal.ts';
import { runBackup } from './run-backup.ts';
import {
  isStreamer,
  readStreamerConfiguration,
  readTaskConfiguration,
} from './task-configuration.ts';
import { runStreamer } from './wal/run-streamer.ts';

/** How long the end may take after a signal, ms; then the process goes as it is. */
const END_WITHIN_MS = 25_000;

/** The program of the task's container: does what its environment says, and exits with a status that tells. */
async function main(log: Log): Promise<ExitCode> {
  const abort = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      const reason = terminated(signal);
      log.warn('told to stop', { signal });
      abort.abort(reason);
      setTimeout(() => process.exit(fail(log, reason)), END_WITHIN_MS).unref();
    });
  }
  try {
    if (process.env[EnvironmentVariable.Action] === PROBE_WAL) {
      await probeWal(readProbeConfiguration(process.env), log);
      return ExitCode.Ok;
    }
    if (isStreamer(process.env)) {
      const streamer = readStreamerConfiguration(process.env);
      log.info('streamer started', { cluster: streamer.cluster });
      await runStreamer(streamer, log, abort.signal);
    }
    const task = readTaskConfiguration(process.env);
    const { cluster, label } = task.request;
    log.info('task started', { cluster, label, action: task.request.action });
    await runBackup(task, log, abort);
    return ExitCode.Ok;
  } catch (thrown) {
    return fail(log, asHoldfastError(thrown));
  }
}

function fail(log: Log, error: HoldfastError): ExitCode {
  log.error(TASK_FAILED, { ...error.toJSON(), cause: causeOf(error) });
  return error.exitCode;
}

function terminated(signal: string): HoldfastError {
  return new HoldfastError('TERMINATED', `The task was told to stop by ${signal}.`, {
    hint: 'No backup was published, unless its manifest was being written at that moment: `holdfast list` tells; WAL that was acknowledged is in the vault. If nobody stopped it, look for a Spot interruption or a deployment.',
  });
}

/** Where a failure nobody foresaw comes from. */
function causeOf(error: HoldfastError): string | undefined {
  return error.code === 'INTERNAL' && error.cause instanceof Error ? error.cause.stack : undefined;
}

const log = createLog((line) => process.stdout.write(line));
// Not by itself: a call that nobody answers would keep the process.
process.exit(await main(log));
