import { HoldfastError } from '../../../contract/errors.ts';
import { parseLsn } from '../../../contract/wal-segments.ts';
import { whereabouts } from './connection-error.ts';
import { inSession } from './in-session.ts';
import type { Server } from './server.ts';
import type { Survey } from './survey.ts';
import { timelineNow } from './timeline.ts';

/** A server that would do. */
export interface Asked {
  readonly server: Server;
  readonly survey: Survey;
}

/** Where the cluster's last backup came from, and how far that server had come. */
export interface LastBackup {
  readonly label: string;
  readonly startedAt: Date;
  readonly host: string;
  readonly port: number;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly lsn: string;
}

/** What speaks against a source, and what is only told. */
export interface Doubt {
  readonly refusal?: HoldfastError;
  readonly notes: readonly string[];
}

const NO_DOUBT: Doubt = { notes: [] };

/**
 * Finds a server that was left behind by what the cluster's last backup shows: such as one that has not
 * followed a failover. Another system may be a server that was built anew, and is told. So is one that is
 * behind a server which the secret does not name any more: its owner has decided.
 *
 * @param all the servers that the secret names.
 * @throws HoldfastError SOURCE_UNREACHABLE
 */
export async function behindLast(
  source: Asked,
  last: LastBackup | undefined,
  all: readonly Pick<Server, 'target'>[],
): Promise<Doubt> {
  const { server, survey } = source;
  if (last === undefined) return NO_DOUBT;
  const where = whereabouts(server);
  const before = `${last.host}:${last.port}`;
  if (survey.systemIdentifier !== last.systemIdentifier) {
    return {
      notes: [
        `${where} is another database system (${survey.systemIdentifier}) than the one that the last backup (${last.label}) is of (${last.systemIdentifier}, ${before}): take its URI out of the secret, unless it was built anew.`,
      ],
    };
  }
  const behind = await howFarBehind(source, last);
  if (behind === undefined) return NO_DOUBT;
  const found = `${where} ${behind} when the last backup (${last.label}) was taken: it was left behind.`;
  if (!all.some(({ target }) => whereabouts({ target }) === before)) {
    return { notes: [`${found} It served, because the secret does not name ${before} any more.`] };
  }
  return {
    refusal: new HoldfastError('SOURCE_CHANGED', found, {
      hint: `Take the URI of a server that does not follow the others out of the secret, or build it anew. If it is this one that counts, let the secret name ${before} no more (or in another way, such as by its address).`,
    }),
    notes: [],
  };
}

async function howFarBehind(source: Asked, last: LastBackup): Promise<string | undefined> {
  const { server, survey } = source;
  // Aurora's servers share one storage.
  if (survey.lagProbe === 'aurora') return undefined;
  const timeline =
    survey.timeline < last.timeline ? await inSession(server, timelineNow) : survey.timeline;
  const where = `${last.host}:${last.port}`;
  if (timeline < last.timeline) {
    return `is on timeline ${timeline}, and ${where} was on ${last.timeline}`;
  }
  if (timeline > last.timeline || pageOf(survey.lsn) >= pageOf(last.lsn)) return undefined;
  if (isLag(source, last)) return undefined;
  return `has come to ${survey.lsn} on timeline ${timeline}, and ${where} had come to ${last.lsn}`;
}

/** Where a primary that is at rest writes next may be behind a page's header, and so not yet on its replicas. */
function pageOf(lsn: string): bigint {
  return parseLsn(lsn) >> 13n;
}

/** Whether it is known to be older than that, by no more than is allowed. */
function isLag({ survey }: Asked, { startedAt }: LastBackup): boolean {
  const { inRecovery, replayLagSeconds: lag } = survey;
  return inRecovery && lag !== undefined && Date.now() - lag * 1000 <= startedAt.getTime();
}
