import { resolve } from 'node:path';
import { release } from '../containers/runner/restore-physical/release.ts';
import type { Io } from './io.ts';

/** `holdfast restore --release DIR` */
export async function releaseRestored(
  options: {
    readonly release: string;
    readonly pgBin?: string | undefined;
    readonly json: boolean;
  },
  io: Io,
): Promise<void> {
  const released = await release(resolve(options.release), options.pgBin);
  const { directory, timeline, warnings } = released;
  for (const warning of warnings) io.stderr.write(`warning: ${warning}\n`);
  io.stdout.write(
    options.json
      ? `${JSON.stringify(released, null, 2)}\n`
      : `${directory} has its own configuration back. Started, the server writes on timeline ${timeline}.\n`,
  );
}
