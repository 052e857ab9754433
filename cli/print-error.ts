import { CommanderError } from 'commander';
import { asHoldfastError, HoldfastError } from '../contract/errors.ts';
import { ExitCode } from '../contract/exit-codes.ts';
import { isAboutCredentials, isAboutTheClock, SET_THE_CLOCK } from '../vault/aws-errors.ts';
import type { Io } from './io.ts';
import { missingProfile } from './missing-profile.ts';

/** A failure that is the result of the work: with `--json` one document holds both. */
export class Reported extends HoldfastError {
  readonly report: object;

  constructor(report: object, ...error: ConstructorParameters<typeof HoldfastError>) {
    super(...error);
    this.report = report;
  }
}

/** Prints a failure for people, and with `json` one document for machines; returns the exit status. */
export function printError(thrown: unknown, json: boolean, io: Io): ExitCode {
  // Help has been printed; asked for, that is success.
  if (thrown instanceof CommanderError && /^commander\.(help|version)/.test(thrown.code)) {
    return thrown.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage;
  }
  const error = foreseen(thrown, io);
  const report = thrown instanceof Reported ? thrown.report : {};
  if (json) io.stdout.write(`${JSON.stringify({ ...report, error }, null, 2)}\n`);
  io.stderr.write(`error ${error.code}: ${error.message}\nhint: ${error.hint}\n`);
  return error.exitCode;
}

export function usageError(message: string, hint: string): HoldfastError {
  return new HoldfastError('REQUEST_INVALID', message, { hint });
}

export function terminated(signal: string): HoldfastError {
  return new HoldfastError('TERMINATED', `Ended by ${signal}.`, {
    hint: 'Everything that it had begun was removed; it can be run again.',
  });
}

/**
 * A task's credentials come by themselves, if only later; a person's do not. So what a task may try
 * again is for the command a matter of its surroundings.
 */
function ofSurroundings(error: HoldfastError, { env }: Io): HoldfastError {
  const { message, cause } = error;
  const clock = isAboutTheClock(cause);
  if (!clock && !isAboutCredentials(cause)) return error;
  const hint = clock
    ? SET_THE_CLOCK
    : (missingProfile(env) ??
      'The credentials are missing, have expired, are unknown or wrong: run it again with others (AWS_PROFILE, AWS_ACCESS_KEY_ID, …).');
  return new HoldfastError('ENVIRONMENT_INVALID', message, { hint, cause });
}

function foreseen(thrown: unknown, io: Io): HoldfastError {
  if (!(thrown instanceof CommanderError)) return ofSurroundings(asHoldfastError(thrown), io);
  return usageError(
    thrown.message.replace(/^error: /, ''),
    'See holdfast --help, or holdfast COMMAND --help.',
  );
}
