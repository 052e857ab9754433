import type { ErrorCode } from '../contract/error-codes.ts';
import { HoldfastError } from '../contract/errors.ts';

const DENIED = /^(AccessDenied|AccessDeniedException|AllAccessDisabled|Forbidden|KMSAccessDenied)/;
const CREDENTIALS =
  /^(ExpiredToken|ExpiredTokenException|InvalidAccessKeyId|InvalidToken|SignatureDoesNotMatch|UnrecognizedClientException|InvalidClientTokenId|CredentialsProviderError)/;

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

/** Whether the call failed for want of credentials, or because they have expired or are unknown. */
export function isAboutCredentials(thrown: unknown): boolean {
  return CREDENTIALS.test(failureOf(thrown).name);
}

/** Whether the call failed because a condition (`If-None-Match`) or a concurrent write refused it. */
export function isConflict(thrown: unknown): boolean {
  const { status } = failureOf(thrown);
  return status === 409 || status === 412;
}

/** Whether the call was refused for lack of a permission. */
export function isDenied(thrown: unknown): boolean {
  const { name, status, message } = failureOf(thrown);
  return status === 403 || DENIED.test(name) || /not authorized to perform/i.test(message);
}

/** Whether the service said that the object or version is not there. A 403 is never "not there". */
export function isMissing(thrown: unknown): boolean {
  const { name, status } = failureOf(thrown);
  return status === 404 || name === 'NoSuchKey' || name === 'NoSuchVersion';
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
  const [code, hint] = verdict(thrown, name, action, resource);
  return new HoldfastError(code, found, { hint, cause: thrown });
}

function verdict(
  thrown: unknown,
  name: string,
  action: string,
  resource: string,
): [ErrorCode, string] {
  if (CREDENTIALS.test(name)) {
    return [
      'VAULT_UNAVAILABLE',
      'The credentials have expired or are unknown: run it again with fresh ones.',
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
