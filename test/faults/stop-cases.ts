import { expect } from 'vitest';
import type { S3Rule } from '../local-cloud/servers/s3-proxy.ts';
import type { FaultCase } from './choose-cases.ts';
import { type FaultCloud, HOLD, logOf } from './fault-cloud.ts';

interface Stop {
  readonly name: string;
  /** The call that is under way when the task is told to stop, and that never comes to an end. */
  readonly hangs: S3Rule;
  readonly orphans?: number;
  readonly always?: true;
}

const CompleteMultipartUpload = { operation: 'CompleteMultipartUpload', fault: HOLD } as const;

const STOPS: readonly Stop[] = [
  { name: 'at its start', hangs: { operation: 'ListObjectVersions', fault: HOLD } },
  { name: 'while a part hangs', hangs: { operation: 'UploadPart', key: /\.dat/, fault: HOLD } },
  { name: 'while an upload is opened', hangs: { operation: 'CreateMultipartUpload', fault: HOLD } },
  { name: 'in the first completion', hangs: CompleteMultipartUpload },
  { name: 'between completions', hangs: { ...CompleteMultipartUpload, from: 2 }, orphans: 1 },
  { name: 'in the manifest', hangs: { operation: 'PutObject', fault: HOLD }, orphans: 5 },
];

async function stopDuring(faults: FaultCloud, { hangs, orphans = 0 }: Stop): Promise<void> {
  const trap = faults.s3.set(hangs);
  const started = await faults.begin();
  await trap.sprung;
  const told = Date.now();
  await faults.cloud.stopTask(started.taskArn);
  const end = await faults.finish(started);
  expect(Date.now() - told).toBeLessThan(30_000);
  await faults.expectFailed({ started, end }, 'TERMINATED', { orphans });
}

export const STOP_CASES: readonly FaultCase[] = [
  ...STOPS.map((stop) => ({
    name: `SIGTERM ${stop.name}, on an S3 that does not answer, is honoured within 30 s`,
    run: (faults: FaultCloud) => stopDuring(faults, stop),
  })),
  {
    name: 'SIGTERM while the manifest is written does not hide that it was',
    always: true,
    run: async (faults) => {
      const trap = faults.s3.set({ operation: 'PutObject', fault: HOLD });
      const started = await faults.begin();
      await trap.sprung;
      const stopping = faults.cloud.stopTask(started.taskArn);
      const { logFile } = await faults.cloud.task(started.taskArn);
      await faults.waitFor(() => logOf({ logFile }).includes('"told to stop"'), 'the signal');
      trap.release();
      await stopping;
      await faults.expectPublished({ started, end: await faults.finish(started) });
    },
  },
];
