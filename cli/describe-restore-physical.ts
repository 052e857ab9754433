import { join } from 'node:path';
import type { PhysicalRestoreResult } from '../containers/runner/restore-physical/physical-restore-request.ts';
import { text } from './describe-restore.ts';
import { formatCount, formatSeconds } from './format.ts';

/** The end of `holdfast restore --kind physical`, in words. */
export function describePhysicalRestore(result: PhysicalRestoreResult): string {
  const { label, members, directory, seconds, warnings } = result;
  const chain =
    members.length === 1 ? '' : `, combined from ${formatCount(members.length, 'backup')}`;
  return text([
    `Restored ${label}${chain}, into ${directory}.`,
    reached(result),
    `It took ${formatSeconds(seconds.total)} (fetch ${formatSeconds(seconds.fetch)}, combine ${formatSeconds(seconds.combine)}, verify ${formatSeconds(seconds.verify)}, recovery ${formatSeconds(seconds.recover)}).`,
    ...tablespaces(result),
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...next(result),
  ]);
}

function next({ state, directory, programs }: PhysicalRestoreResult): string[] {
  if (state === 'standby') {
    return [
      'It is shut down, with its own configuration, and the slot holds back what it has not got: start it as its own service.',
    ];
  }
  return [
    'The server is shut down, and in quarantine: it archives nothing, streams to nobody, and listens on loopback only.',
    `To look at it: ${join(programs, 'postgres')} -D ${directory}`,
    `To give it its own configuration back: holdfast restore --release ${directory}`,
  ];
}

/** A server that waits to be looked at. */
export function describeServerUp(result: PhysicalRestoreResult): string {
  const { port, socketDirectory, state } = result;
  const host = socketDirectory === '' ? '127.0.0.1' : socketDirectory;
  return text([
    reached(result),
    `The server is up, in quarantine: psql "host=${host} port=${port} dbname=postgres user=postgres"`,
    "Its superuser is the source's: give another user where that one is not called postgres.",
    ...(state === 'paused' ? ['To have it promoted there: SELECT pg_promote()'] : []),
    'Ctrl-C, or SIGTERM, shuts it down.',
  ]);
}

function reached({
  state,
  redoneLsn,
  lastCommit,
  stoppedAt,
  timeline,
}: PhysicalRestoreResult): string {
  const how = {
    promoted: `The server was promoted, and writes on timeline ${timeline}`,
    paused: 'Recovery is paused at the target, and the server is read-only',
    stopped: 'Recovery reached the target, and the server shut down there',
    standby: `The server follows its primary, and streams timeline ${timeline} from ${redoneLsn} on`,
  }[state];
  if (state === 'standby') return `${how}.`;
  // A server says what it has replayed when it leaves recovery, and not before.
  const replayed =
    state === 'promoted'
      ? `; last record replayed: ${redoneLsn ?? 'none'}, last commit: ${lastCommit ?? 'none since the base backup'}`
      : '';
  return `${how}${replayed}${stoppedAt === null ? '' : `; stopped ${stoppedAt}`}.`;
}

function tablespaces(result: PhysicalRestoreResult): string[] {
  return result.tablespaces.map(({ name, path }) => `Tablespace "${name}": ${path}`);
}
