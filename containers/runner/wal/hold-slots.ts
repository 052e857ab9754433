import { asHoldfastError } from '../../../contract/errors.ts';
import type { WalOptions } from '../../../contract/physical-options.ts';
import type { Log } from '../log.ts';
import type { Candidate } from '../source/choose-source.ts';
import { whereabouts } from '../source/connection-error.ts';
import type { Access } from '../source/server.ts';
import { askWalServer, assertSystem, type WalServer } from './find-wal-server.ts';
import { holdOn, type StoredUpTo } from './slots.ts';

/** How often the other servers' slots are moved on. Milliseconds. */
const EVERY_MS = 5_000;

export interface HoldOptions {
  /** All but the one that is streamed from. */
  readonly others: readonly Candidate[];
  readonly access: Access;
  readonly slotName: string;
  readonly options: WalOptions;
  /** Whose WAL is streamed. */
  readonly system: string;
  /** Up to where the vault has all of the timeline that is streamed. */
  readonly stored: () => StoredUpTo;
  /** Told of each that answers. */
  readonly seen: (server: WalServer) => void;
  readonly log: Log;
}

/**
 * Has a slot on each of the other servers, and moves it along with the vault, so that none lets go of WAL
 * that is needed once it is the primary. Slots do not travel from a server to its standbys.
 *
 * @returns ends it.
 */
export function holdSlots(options: HoldOptions): () => void {
  const { others, access, slotName, system, stored, seen, log } = options;
  const said = new Map<Candidate, string>();
  let busy = false;
  const tick = async (candidate: Candidate): Promise<void> => {
    try {
      const found = await askWalServer(candidate, access);
      // On another one a slot would hold back WAL that nobody ever fetches.
      assertSystem(found, system);
      seen(found);
      await holdOn(found.server, slotName, stored(), options.options);
      said.delete(candidate);
    } catch (thrown) {
      const { code, message: reason, hint } = asHoldfastError(thrown);
      // One that is down for a day is told of once.
      if (said.get(candidate) === code) return;
      said.set(candidate, code);
      log.warn('slot not held', { server: whereabouts(candidate), code, reason, hint });
    }
  };
  const all = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    await Promise.all(others.map(tick));
    busy = false;
  };
  void all();
  const timer = setInterval(() => void all(), EVERY_MS);
  return () => clearInterval(timer);
}
