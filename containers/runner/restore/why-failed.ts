import { asHoldfastError } from '../../../contract/errors.ts';

/**
 * Why a program failed that is allowed to, in the server's words where it said any. What ended it for
 * another reason, such as a signal, is thrown.
 */
export async function whyFailed(run: Promise<unknown>): Promise<string | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    const { code, message } = asHoldfastError(error);
    if (code !== 'RESTORE_FAILED') throw error;
    return /\bERROR: +(.*)/.exec(message)?.[1] ?? message;
  }
}
