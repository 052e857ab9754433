import type { ErrorCode } from '../contract/error-codes.ts';
import { HoldfastError } from '../contract/errors.ts';

const DENIED = /^(AccessDenied|AccessDeniedException|AllAccessDisabled|Forbidden|KMSAccessDenied)/;
/** In the words of S3, and of the services that speak JSON: SSM, KMS, Lambda, ECS. */
const CREDENTIALS =
  /^(ExpiredToken|InvalidAccessKeyId|InvalidToken|SignatureDoesNotMatch|InvalidSignatureException|IncompleteSignature|MissingAuthenticationToken|UnrecognizedClientException|InvalidClientTokenId|CredentialsProviderError)/;
const CLOCK = /^(RequestExpired|RequestTimeTooSkewed)/;
/** The JSON services answer it with 400. */
const THROTTLED = /^(Throttl|TooManyRequests|LimitExceeded|RequestLimitExceeded|SlowDown)/;
/** The JSON services say it in the message alone. */
const CLOCK_MESSAGE = /^Signature (expired|not yet current):/;

export const SET_THE_CLOCK =
  "Set this machine's clock: AWS refuses a request that another time is signed with.";

/** What is known of a failed call, whichever service it went to. */
interface ServiceFailure {
  readonly name: string;
  readonly message: string;
  readonly status: number | undefined;
}

function failureOf(thrown: unknown): ServiceFailure {
  const error = thrown as {
    name?: string;
    Code?: string;
    message?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const name =
    error?.name === 'Error' || error?.name === undefined ? (error?.Code ?? 'Error') : error.name;
  return {
    name,
    message: error?.message ?? String(thrown),
    status: error?.$metadata?.httpStatusCode,
  };
}

/** Whether the call failed for want of credentials, or because they have expired, are unknown or wrong. */
export function isAboutCredentials(thrown: unknown): boolean {
  return CREDENTIALS.test(failureOf(thrown).name) && !isAboutTheClock(thrown);
}

/** Whether the call was refused because of the time that it was signed with. */
export function isAboutTheClock(thrown: unknown): boolean {
  const { name, message } = failureOf(thrown);
  return CLOCK.test(name) || CLOCK_MESSAGE.test(message);
}

/** Whether the call failed because a condition (`If-None-Match`) or a concurrent write refused it. */
export function isConflict(thrown: unknown): boolean {
  const { status } = failureOf(thrown);
  return status === 409 || status === 412;
}

/** Whether a write was refused because S3 is still busy with another one of the same key. */
export function isUnderWay(thrown: unknown): boolean {
  return failureOf(thrown).status === 409;
}

/** Whether the call was refused for lack of a permission. */
export function isDenied(thrown: unknown): boolean {
  const { name, status, message } = failureOf(thrown);
  return status === 403 || DENIED.test(name) || /not authorized to perform/i.test(message);
}

/**
 * Whether a write was refused so that nothing can have been written: denied at the first try. A later
 * one may be denied (credentials end) after S3 has done what an earlier one asked, whose answer was lost.
 */
export function isDeniedOutright(thrown: unknown): boolean {
  const { attempts = 1 } =
    (thrown as { $metadata?: { attempts?: number } } | undefined)?.$metadata ?? {};
  return attempts === 1 && isDenied(thrown);
}

/** Whether the service said that the object or version is not there. A 403 is never "not there". */
export function isMissing(thrown: unknown): boolean {
  const { name, status } = failureOf(thrown);
  return status === 404 || name === 'NoSuchKey' || name === 'NoSuchVersion';
}

/** Whether a call that failed with this may succeed a little later: the service has failed, or the way to it. */
export function mayPass(thrown: unknown): boolean {
  if (!(thrown instanceof HoldfastError) || thrown.code !== 'VAULT_UNAVAILABLE') return false;
  const { cause } = thrown;
  if (isDenied(cause) || isAboutCredentials(cause) || isAboutTheClock(cause)) return false;
  const { status, name } = failureOf(cause);
  return status === undefined || status === 429 || status >= 500 || THROTTLED.test(name);
}

/**
 * Says which call failed, on what, and what to do: a denied action is named, so that whoever reads
 * the message knows which permission is missing.
 *
 * @param action IAM name of the action, such as `s3:PutObject`.
 * @param resource what it was tried on: a key, a key's ARN.
 */
export function awsError(thrown: unknown, action: string, resource: string): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const { name, message, status } = failureOf(thrown);
  const found = `${action} on ${resource} failed: ${name}: ${message}${status ? ` (HTTP ${status})` : ''}`;
  const [code, hint] = verdict(thrown, action, resource);
  return new HoldfastError(code, found, { hint, cause: thrown });
}

function verdict(thrown: unknown, action: string, resource: string): [ErrorCode, string] {
  if (isAboutTheClock(thrown)) return ['VAULT_UNAVAILABLE', SET_THE_CLOCK];
  if (isAboutCredentials(thrown)) {
    return [
      'VAULT_UNAVAILABLE',
      'The credentials have expired, are unknown or wrong: run it again with others.',
    ];
  }
  if (isDenied(thrown)) {
    return [
      'VAULT_DENIED',
      `Allow ${action} on ${resource} to this role (deploy the stacks again, undo changes made by hand, look at bucket and key policies).`,
    ];
  }
  return [
    'VAULT_UNAVAILABLE',
    'Look at the service and the network path to it; the same can be tried again.',
  ];
}
