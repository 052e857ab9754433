import { setTimeout as sleep } from 'node:timers/promises';
import { parseLsn } from '../../contract/wal-segments.ts';
import { walSlotName } from '../../contract/wal-slot.ts';
import { type BenchCloud, CLUSTER } from './bench-cloud.ts';
import { connect } from './bench-connection.ts';
import { VaultEnd } from './vault-end.ts';

/** Pause between two looks, ms. */
const LOOK_EVERY_MS = 20;
/** Longer without an answer is no figure any more, ms. */
const PATIENCE_MS = 120_000;

/** What was seen of slot and vault, over and over while WAL flowed. */
export interface WalWatch {
  /** Looks so far. */
  readonly steps: number;
  /** Looks at which the slot's position was beyond what the vault held. */
  readonly violations: number;
  /** Resolves once the vault holds everything before the position, with the time of the look, ms. */
  durable(position: bigint): Promise<number>;
  /** @throws what went wrong with looking. */
  stop(): Promise<void>;
}

/**
 * Looks at the slot's position, and then at what the vault holds: what is acknowledged has to be there.
 *
 * @param from a position from which on the vault is to hold everything.
 */
export async function watchWal(bench: BenchCloud, from: bigint): Promise<WalWatch> {
  const { cloud } = bench;
  const slot = walSlotName(cloud.environment, CLUSTER);
  const connection = await connect(bench, cloud.primary, 'postgres');
  const vault = new VaultEnd(bench, from);
  let steps = 0;
  let violations = 0;
  let stopped = false;
  let failure: unknown;
  let end = 0n;
  let lookedAt = 0;
  const looking = (async () => {
    while (!stopped) {
      const acknowledged = await positionOf(slot);
      end = await vault.look();
      lookedAt = performance.now();
      steps += 1;
      if (acknowledged > end && acknowledged > from) violations += 1;
      await sleep(LOOK_EVERY_MS);
    }
  })().catch((error: unknown) => {
    failure = error;
  });

  /** By the slot itself, or the connection that feeds it; whichever says more. */
  async function positionOf(name: string): Promise<bigint> {
    const { rows } = await connection.query<{ lsn: string | null }>(
      `select max(lsn)::text as lsn from (
         select restart_lsn from pg_replication_slots where slot_name = $1
         union all
         select flush_lsn from pg_stat_replication where application_name = $1) as told (lsn)`,
      [name],
    );
    return parseLsn(rows[0]?.lsn ?? '0/0');
  }

  return {
    get steps() {
      return steps;
    },
    get violations() {
      return violations;
    },
    durable: async (position) => {
      const patience = performance.now() + PATIENCE_MS;
      while (end < position) {
        if (failure !== undefined) throw failure;
        if (performance.now() > patience) {
          throw new Error(`The vault held ${end} of ${position} after ${PATIENCE_MS} ms.`);
        }
        await sleep(LOOK_EVERY_MS);
      }
      return lookedAt;
    },
    stop: async () => {
      stopped = true;
      await looking;
      await connection.end();
      if (failure !== undefined) throw failure;
    },
  };
}
