import type { HoldfastError } from '../../contract/errors.ts';
import type { Log } from './log.ts';

export function reportLeftOpen(failures: readonly HoldfastError[], log: Log): void {
  for (const { code, message } of failures) log.warn('upload left open', { code, reason: message });
}
