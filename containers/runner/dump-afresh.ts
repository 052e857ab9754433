import type { NotIncluded } from '../../contract/manifest-base.ts';
import { abortBackup } from '../../vault/open-uploads.ts';
import { type DumpOptions, dumpWithSnapshot, type Told } from './dump-with-snapshot.ts';
import { RowsUnseen } from './logical/rewritten-proof.ts';
import type { SourceDatabase } from './source/databases.ts';
import type { ReplayPause } from './source/replay-pause.ts';

/** A server that loads tables anew all the time may do so once more. */
const TRIES = 5;

export interface DumpedAfresh {
  readonly dumped: Awaited<ReturnType<typeof dumpWithSnapshot>>;
  readonly notIncluded: readonly NotIncluded[];
  readonly warnings: readonly string[];
}

/**
 * Dumps one database, and begins anew, under another snapshot, when tables were loaded while it began:
 * what was dumped of other databases stays.
 */
export async function dumpAfresh(
  options: DumpOptions,
  database: SourceDatabase,
  pause: ReplayPause | undefined,
): Promise<DumpedAfresh> {
  const { vault, log } = options;
  const warnings: string[] = [];
  for (let tries = 1; ; tries += 1) {
    const failed = new AbortController();
    const signal = AbortSignal.any([vault.signal, failed.signal]);
    const own = { ...vault, signal, ledger: vault.ledger.part() };
    const told: Told = { notIncluded: [], warnings: [] };
    try {
      const here = { ...options, vault: own };
      const dumped = await dumpWithSnapshot(here, database, told, pause);
      const { notIncluded } = told;
      return { dumped, notIncluded, warnings: [...warnings, ...told.warnings] };
    } catch (error) {
      if (!(error instanceof RowsUnseen) || tries === TRIES || vault.signal.aborted) throw error;
      failed.abort(error);
      for (const { code, message: reason } of await abortBackup(own, error)) {
        log.warn('upload left open', { code, reason });
      }
      warnings.push(`The dump was begun anew. ${error.message}`);
      log.warn('trying again', { attempt: tries, code: error.code, reason: error.message });
    }
  }
}
