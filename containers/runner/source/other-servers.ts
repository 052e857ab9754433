import { HoldfastError } from '../../../contract/errors.ts';
import { disconnect } from '../keep-alive.ts';
import type { Asked, Doubt } from './behind-last.ts';
import { whereabouts } from './connection-error.ts';
import { inSession } from './in-session.ts';
import { type Access, type addressesOf, connect, type Server } from './server.ts';
import { survey } from './survey.ts';
import { timelineNow } from './timeline.ts';

/** A server that answers, whether or not it may serve. */
export interface OtherServer extends Asked {
  /** The latest that it knows of. */
  readonly timeline: number;
}

type Whereabouts = Pick<Server, 'target' | 'uriIndex'>;

/** Asks all at once who they are; of those that do not answer nothing is known. */
export async function lookAround(
  candidates: readonly Whereabouts[],
  access: Access,
  resolve: typeof addressesOf,
): Promise<OtherServer[]> {
  const found = await Promise.all(
    candidates.map((candidate) => look(candidate, access, resolve).catch(() => undefined)),
  );
  return found.filter((one) => one !== undefined);
}

async function look(
  { target, uriIndex }: Whereabouts,
  access: Access,
  resolve: typeof addressesOf,
): Promise<OtherServer | undefined> {
  for (const address of await resolve(target.host)) {
    const server: Server = { target, uriIndex, address, ...access };
    const client = await connect(server, target.database).catch(() => undefined);
    if (client === undefined) continue;
    try {
      return { server, survey: await survey(client), timeline: await timelineNow(client) };
    } finally {
      await disconnect(client);
    }
  }
  return undefined;
}

/**
 * Finds a server that was left behind by what the others say: one on an earlier timeline has not followed a
 * failover, whatever its lag behind the server that it follows. What else they do not agree on is told.
 *
 * @throws HoldfastError SOURCE_UNREACHABLE
 */
export async function behindOthers(source: Asked, around: readonly OtherServer[]): Promise<Doubt> {
  const others = around.filter((other) => !isSame(source, other));
  const where = whereabouts(source.server);
  const { systemIdentifier, inRecovery } = source.survey;
  const strangers = others.filter(
    ({ survey: other }) => other.systemIdentifier !== systemIdentifier,
  );
  const notes = strangers.map(
    ({ server, survey: other }) =>
      `${where} and ${whereabouts(server)} are not of one cluster: their system identifiers are ${systemIdentifier} and ${other.systemIdentifier}. Take the one that does not belong there out of the secret.`,
  );
  const own = others.filter((other) => !strangers.includes(other));
  const latest = own.reduce((most, { timeline }) => Math.max(most, timeline), 0);
  // The control file's may be an old one: it is not worth a session where nothing hangs on it.
  const primaries = !inRecovery && own.some(({ survey: other }) => !other.inRecovery);
  const matters = latest > source.survey.timeline || primaries;
  const reached = matters ? await inSession(source.server, timelineNow) : source.survey.timeline;
  const ahead = own.find(({ timeline }) => timeline === latest && timeline > reached);
  if (ahead !== undefined) {
    return { refusal: leftBehind(where, reached, ahead, inRecovery), notes };
  }
  for (const { server, survey: other, timeline } of own) {
    if (other.inRecovery || (inRecovery && timeline === reached)) continue;
    notes.push(
      inRecovery
        ? `${whereabouts(server)} is a primary on timeline ${timeline}, and ${where}, which serves, is on ${reached}: take the one that was left behind out of the secret.`
        : `${where}, which serves, and ${whereabouts(server)} are both primaries, on the timelines ${reached} and ${timeline}: take the one that does not count out of the secret.`,
    );
  }
  return { notes };
}

function leftBehind(
  where: string,
  timeline: number,
  ahead: OtherServer,
  inRecovery: boolean,
): HoldfastError {
  const other = whereabouts(ahead.server);
  return new HoldfastError(
    'SOURCE_CHANGED',
    `${where} is a ${inRecovery ? 'replica' : 'primary'} on timeline ${timeline}, and ${other} is on timeline ${ahead.timeline}: it was left behind.`,
    {
      hint: `Take its URI out of the secret, or build it anew as a replica of the primary. If it is the one that counts, and ${other} was promoted by mistake, take that one out. A replica that follows says so after its next restartpoint, and at once to a role with pg_monitor.`,
    },
  );
}

/** The same URI, or the same server by another name. */
function isSame({ server, survey: own }: Asked, other: OtherServer): boolean {
  return (
    other.server.target === server.target ||
    (other.survey.systemIdentifier === own.systemIdentifier &&
      other.survey.postmasterStartedAt.getTime() === own.postmasterStartedAt.getTime())
  );
}
