import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { configurationText } from './configuration-text.ts';
import { leftoverTargets, settingsElsewhere } from './own-settings.ts';
import { type Primary, writePrimaryAccess } from './primary.ts';
import {
  endQuarantine,
  QUARANTINE,
  STANDBY_SIGNAL,
  writeQuarantineSettings,
} from './quarantine.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerPrograms } from './server-programs.ts';

export interface ServerToFollow {
  readonly programs: ServerPrograms;
  readonly directory: string;
  readonly primary: Primary;
  /** In quarantine. */
  readonly settings: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal | undefined;
}

const STREAMING = /started streaming WAL from primary at ([0-9A-F]+\/[0-9A-F]+) on timeline (\d+)/;
const UNABLE = /FATAL:.*(requested WAL segment|could not connect to the primary|password|pg_hba)/;
const CONSISTENT = /database system is ready to accept read-only connections/;
/** Refusals in a row after which following is given up: each is a try, five seconds apart. */
const REFUSALS = 6;

/** Where a new standby began to stream. */
export interface Streaming {
  readonly lsn: string;
  readonly timeline: number;
  /** Of its own configuration, which it has again. */
  readonly warnings: readonly string[];
}

/**
 * Starts a restored directory as a standby, in quarantine, until it streams: the primary's slot holds
 * back what it lacks from then on. Then it is shut down and gets its own configuration back, with what it
 * follows its primary with.
 *
 * @throws HoldfastError RESTORE_FAILED, marked `kept`
 */
export async function followPrimary(request: ServerToFollow): Promise<Streaming> {
  const { programs, directory, primary, settings, environment, signal } = request;
  const access = await writePrimaryAccess(directory, primary);
  await writeFile(join(directory, STANDBY_SIGNAL), '', { mode: 0o600 });
  await writeQuarantineSettings(directory, { ...settings, ...access, hot_standby: 'on' });
  const server = await ServerProcess.start(programs, directory, environment);
  let streaming: Omit<Streaming, 'warnings'>;
  try {
    streaming = await untilStreaming(server, signal);
  } catch (error) {
    throw error instanceof HoldfastError ? Object.assign(error, { kept: true }) : error;
  } finally {
    await server.stop();
  }
  const elsewhere = await settingsElsewhere(directory);
  const targets = await leftoverTargets(directory);
  const changed = await endQuarantine(directory, programs);
  const own = configurationText({ ...access, ...targets });
  await appendFile(join(directory, 'postgresql.auto.conf'), own);
  return { ...streaming, warnings: [...changed, ...describeTargets(targets), ...elsewhere] };
}

function describeTargets(targets: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(targets).join(', ');
  if (names === '') return [];
  return [
    `Its own configuration sets ${names}, at which a standby would stop: postgresql.auto.conf takes that back.`,
  ];
}

async function untilStreaming(
  server: ServerProcess,
  signal: AbortSignal | undefined,
): Promise<Omit<Streaming, 'warnings'>> {
  let found: Omit<Streaming, 'warnings'> | undefined;
  let consistent = false;
  let refusals = 0;
  for await (const line of server.lines(signal)) {
    const [, lsn, timeline] = STREAMING.exec(line) ?? [];
    if (lsn !== undefined) found = { lsn, timeline: Number(timeline) };
    if (CONSISTENT.test(line)) consistent = true;
    if (UNABLE.test(line)) refusals += 1;
    if (refusals >= REFUSALS) break;
    if (found !== undefined && consistent) return found;
  }
  throw new HoldfastError('RESTORE_FAILED', `The standby does not stream: ${await server.tail()}`, {
    hint: `What was fetched is kept, with the server's log in ${QUARANTINE}. Look at the primary's pg_hba.conf (replication), whether it still has that WAL, and whether its certificate is trusted here (--ca); empty the directory, and restore again.`,
  });
}
