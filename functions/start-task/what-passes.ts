import type { Failure } from '@aws-sdk/client-ecs';

/** Errors of any AWS service that pass by themselves. */
const PASSING_NAMES =
  /^(Throttl|TooManyRequests|RequestLimitExceeded|LimitExceeded|ServerException|ServiceUnavailable|InternalServer|InternalFailure|RequestTimeout|TimeoutError|NetworkingError)/;

/**
 * What passes though its name does not tell. Just after a deployment ECS does not see a new role yet,
 * and calls that the caller's fault.
 */
const PASSING_TEXTS =
  /unable to assume|capacity is unavailable|rate exceeded|concurrently|try again later/i;

/** Reasons of `failures` that pass: no capacity, in Fargate's words and in EC2's. */
const PASSING_REASONS = /capacity|^RESOURCE|^AGENT|try again|rate exceeded|unable to assume/i;

/** Whether a call that failed like this may succeed when it is made again, with nothing changed. */
export function errorPasses(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const { $metadata, $fault } = thrown as {
    $metadata?: { httpStatusCode?: number };
    $fault?: string;
  };
  const status = $metadata?.httpStatusCode;
  if (PASSING_NAMES.test(thrown.name) || PASSING_TEXTS.test(thrown.message)) return true;
  if ($fault === 'server' || status === 429 || (status ?? 0) >= 500) return true;
  // No answer at all: the connection broke, or was never made.
  return status === undefined && 'code' in thrown;
}

/** Whether all that RunTask could not do may be done when it is asked again. */
export function failuresPass(failures: readonly Failure[]): boolean {
  return failures.every(({ reason = '', detail = '' }) =>
    PASSING_REASONS.test(`${reason} ${detail}`),
  );
}
