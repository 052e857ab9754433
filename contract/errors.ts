import { ERROR_CODES, type ErrorCode } from './error-codes.ts';
import type { ExitCode } from './exit-codes.ts';

export interface HoldfastErrorOptions {
  /** What the reader should do next: one imperative sentence. */
  readonly hint: string;
  readonly cause?: unknown;
}

/**
 * The one error that Holdfast throws on purpose. `message` says what went wrong and what was found,
 * `hint` what to do next. Neither ever carries a secret: pass connection strings through `redactUri`.
 */
export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): ExitCode {
    return ERROR_CODES[this.code].exit;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  toJSON(): { code: ErrorCode; message: string; hint: string; retryable: boolean; exit: ExitCode } {
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      retryable: this.retryable,
      exit: this.exitCode,
    };
  }
}

/** Wraps whatever was thrown, so that callers can rely on `code`, `hint` and `exitCode`. */
export function asHoldfastError(thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new HoldfastError('INTERNAL', `Unexpected failure: ${message}`, {
    hint: 'Report this with the log of the run. Whatever has no manifest does not count; the next run starts afresh.',
    cause: thrown,
  });
}
