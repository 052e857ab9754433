import { mkdtemp, realpath, rm } from 'node:fs/promises';
import type { ClusterOptions } from '../../contract/cluster-options.ts';
import { HoldfastError } from '../../contract/errors.ts';
import type { SpoolPolicy } from './engine/dump-stream.ts';
import { canPunchHoles } from './engine/hole-punch.ts';
import { SpoolGuard } from './engine/spool-guard.ts';

const MIB = 1024 * 1024;

/** A run's own place in the spool's volume. */
export interface Spool extends SpoolPolicy {
  /** Absolute, without symbolic links: as /proc shows it. */
  readonly directory: string;
  /** Removes all that the run left. */
  remove(): Promise<void>;
}

/**
 * Makes the run's directory and finds out whether blocks can be freed from a file's start. Where they
 * cannot, a file is freed only when it is uploaded whole, and half the cap must hold the largest table.
 *
 * @param parent the volume's mount point.
 * @throws HoldfastError SPOOL_UNUSABLE
 */
export async function openSpool(
  parent: string,
  { spoolCapMiB, maxRateMiBPerSecond }: Pick<ClusterOptions, 'spoolCapMiB' | 'maxRateMiBPerSecond'>,
): Promise<Spool> {
  try {
    const directory = await mkdtemp(`${await realpath(parent)}/run-`);
    const capBytes = spoolCapMiB * MIB;
    const maxBytesPerSecond = maxRateMiBPerSecond * MIB || undefined;
    const [guard, punchHole] = await Promise.all([
      SpoolGuard.start(directory, { capBytes, maxBytesPerSecond }),
      canPunchHoles(directory),
    ]);
    return {
      directory,
      capBytes,
      maxBytesPerSecond,
      guard,
      punchHole,
      remove: async () => {
        await guard.stop();
        // What is asked for meanwhile may still write its authority there.
        await rm(directory, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (cause) {
    throw new HoldfastError(
      'SPOOL_UNUSABLE',
      `The spool ${parent} cannot be written to: ${(cause as Error).message}`,
      { hint: 'Mount a volume there that the user of the image owns.', cause },
    );
  }
}
