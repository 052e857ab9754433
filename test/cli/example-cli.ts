import { afterEach, beforeEach } from 'vitest';
import { main } from '../../cli/main.ts';
import { putExampleBackup } from '../containers/restore/example-backup.ts';
import { rawDataKeys } from '../vault/example-message.ts';
import { type FakeS3, startFakeS3 } from '../vault/fake-s3.ts';
import { testIo } from './test-io.ts';

export interface ExampleCli {
  /** The vault of the test that runs: it holds one backup of `orders`. */
  readonly fake: FakeS3;
  run(...argv: string[]): Promise<{ status: number; out: string; err: string }>;
}

/** The command before a vault of its own for each test of the file. */
export function exampleCli(): ExampleCli {
  let fake: FakeS3;
  beforeEach(async () => {
    fake = await startFakeS3();
    await putExampleBackup(fake, rawDataKeys(), { files: { 'toc.dat': Buffer.from('x') } });
  });
  afterEach(() => fake.close());
  return {
    get fake() {
      return fake;
    },
    run: async (...argv) => {
      const io = testIo(fake);
      const status = await main(argv, io);
      return { status, out: io.out(), err: io.err() };
    },
  };
}
