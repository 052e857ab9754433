import { walSlotName } from '../../contract/wal-slot.ts';
import { BACKUP_ROLE } from '../local-cloud/seed.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { type BenchCloud, CLUSTER } from './bench-cloud.ts';
import { type Observed, observeTask } from './observe-task.ts';

/**
 * Leaves the primary without its standby, whose replay takes the time of two cores and is no part of what
 * is measured.
 */
export async function stopStandby({ cloud }: BenchCloud): Promise<void> {
  const { primary, standby, certificates } = cloud;
  await standby.stop();
  await waitUntil(
    async () => {
      const { rowCount } = await primary.query(
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots
         where slot_name = 'standby' and not active`,
      );
      return rowCount === 1;
    },
    { what: "the standby's slot to be free", timeoutMs: 60_000 },
  );
  const secret = { primary: primary.uriFor(BACKUP_ROLE), ca: certificates.caPem };
  await cloud.putSecret(CLUSTER, JSON.stringify(secret));
}

/** Starts the streamer, watched from outside, and returns once its slot is fed. */
export async function startStreamer({ cloud }: BenchCloud): Promise<{ stop(): Promise<Observed> }> {
  const streamer = cloud.streamer();
  streamer.start();
  const { pid } = await streamer.task();
  const observed = observeTask({ pid });
  // Awaited at the end: until then a failure is nobody's yet.
  observed.catch(() => undefined);
  const slot = walSlotName(cloud.environment, CLUSTER);
  await waitUntil(
    async () => {
      const { rows } = await cloud.primary.query(
        `select active from pg_replication_slots where slot_name = '${slot}'`,
      );
      return (rows[0] as { active: boolean } | undefined)?.active === true;
    },
    {
      what: 'the streamer to stream',
      timeoutMs: 60_000,
      explain: () => JSON.stringify(streamer.lines().slice(-5)),
    },
  );
  return {
    stop: async () => {
      await streamer.stop();
      if (streamer.taskCount !== 1) {
        throw new Error(
          `The streamer ended ${streamer.taskCount - 1} times while it was measured.`,
        );
      }
      return await observed;
    },
  };
}
