import { asHoldfastError } from '../contract/errors.ts';

/**
 * Lambda shows a caller the name and the message of what was thrown, and drops the rest: so the code
 * becomes the name, and the hint joins the message. It is thrown, never returned: an asynchronous
 * invocation that returns counts as a success, and AWS would not repeat it.
 */
export function forLambda(thrown: unknown): Error {
  const error = asHoldfastError(thrown);
  const shown = new Error(`${error.message} ${error.hint}`, { cause: error });
  shown.name = error.code;
  return shown;
}
