import type { ClusterOptions } from '../../../contract/cluster-options.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { whatServes } from '../../../contract/postgres-majors.ts';
import { takeUpReplay } from './abandoned-pause.ts';
import { behindLast, type Doubt, type LastBackup } from './behind-last.ts';
import { connectionError, whereabouts } from './connection-error.ts';
import type { ConnectionTarget } from './connection-uri.ts';
import { findSharedAddress } from './one-server.ts';
import { behindOthers, lookAround, type OtherServer } from './other-servers.ts';
import { type Access, addressesOf, type Server } from './server.ts';
import { type Survey, surveyServer } from './survey.ts';

/** The server that serves this backup. */
export interface ChosenSource {
  readonly server: Server;
  readonly survey: Survey;
  /** What was found, and done about it, when it was chosen. */
  readonly notes?: readonly string[];
}

/** A server that may be asked. */
export interface Candidate {
  readonly target: ConnectionTarget;
  /** Place among the secret's URIs, from 0. */
  readonly uriIndex: number;
}

type Refusal = Pick<ClusterOptions, 'postgresMajor' | 'maxReplayLagSeconds' | 'unknownLag'>;

export interface ChooseOptions {
  readonly candidates: readonly Candidate[];
  /** Those that have had their turn as well: what they say counts. @default - the candidates */
  readonly all?: readonly Candidate[];
  /** Where the cluster's last backup came from, if there is one. */
  readonly last?: LastBackup | undefined;
  readonly access: Access;
  readonly options: Refusal & Pick<ClusterOptions, 'allowPrimary' | 'pauseReplay'>;
  /** Told of each server that will not do, and why. */
  readonly refused: (candidate: Candidate, why: HoldfastError) => void;
  /** Why a source that would do may still not serve. @default - it may */
  readonly refuse?: (source: ChosenSource) => Promise<HoldfastError | undefined>;
  /** @default - asks the system's resolver */
  readonly resolve?: typeof addressesOf;
}

/**
 * Takes the first replica that is up, of the image's major version, not too far behind, and not left behind
 * by the others or the last backup; the primary only if no replica will do and the configuration allows it.
 *
 * @throws HoldfastError the last refusal, naming all of them.
 */
export async function chooseSource(choice: ChooseOptions): Promise<ChosenSource> {
  const { candidates, options, refused } = choice;
  const refusals: HoldfastError[] = [];
  let primary: ChosenSource | undefined;
  const refuseCandidate = (candidate: Candidate, why: HoldfastError): void => {
    refused(candidate, why);
    refusals.push(why);
  };
  const around = onceAround(choice);
  for (const candidate of candidates) {
    const answer = await ask(candidate, choice);
    const refusal =
      answer instanceof HoldfastError
        ? answer
        : (refuse(answer.survey, answer.server, options) ??
          (await refuseShared(answer)) ??
          (await refuseForKind(answer, choice)));
    if (refusal !== undefined) refuseCandidate(candidate, refusal);
    else if (!(answer instanceof HoldfastError)) {
      const chosen = await unlessBehind(asUnshared(answer), choice, around);
      if (chosen instanceof HoldfastError) refuseCandidate(candidate, chosen);
      else if (answer.survey.inRecovery) return chosen;
      else primary ??= chosen;
    }
  }
  if (primary !== undefined && options.allowPrimary) return primary;
  if (primary !== undefined) refuseCandidate(primary.server, notReplica(primary.server));
  throw together(refusals);
}

/** Resolves the host's name once; of its addresses the first that answers counts for the whole run. */
async function ask(
  { target, uriIndex }: Candidate,
  { access, options, resolve = addressesOf }: ChooseOptions,
): Promise<ChosenSource | HoldfastError> {
  let failure: HoldfastError | undefined;
  try {
    for (const address of await resolve(target.host)) {
      const pinned: Server = { target, uriIndex, address, ...access };
      try {
        const survey = await surveyServer(pinned);
        const server = { ...pinned, serializable: survey.serializable };
        if (!options.pauseReplay || !survey.replayPaused) return { server, survey };
        const shared = await refuseShared({ server, survey });
        if (shared !== undefined) return shared;
        const own = { ...server, unshared: true };
        return { server, survey, ...(await takeUpReplay(own, options.maxReplayLagSeconds)) };
      } catch (error) {
        failure = error instanceof HoldfastError ? error : connectionError(error, { target });
        if (failure.code !== 'SOURCE_UNREACHABLE') return failure;
      }
    }
  } catch (error) {
    return connectionError(error, { target });
  }
  return failure ?? connectionError(new Error('its name has no address'), { target });
}

async function refuseShared(source: ChosenSource): Promise<HoldfastError | undefined> {
  try {
    return await findSharedAddress(source.server, source.survey);
  } catch (error) {
    return connectionError(error, source.server);
  }
}

/** What is known once `refuseShared` has nothing against it. */
function asUnshared(source: ChosenSource): ChosenSource {
  return { ...source, server: { ...source.server, unshared: true } };
}

async function refuseForKind(
  source: ChosenSource,
  { options, refuse }: ChooseOptions,
): Promise<HoldfastError | undefined> {
  // That it is a primary says more.
  if (!source.survey.inRecovery && !options.allowPrimary) return undefined;
  return await refuse?.(asUnshared(source)).catch((error: unknown) =>
    connectionError(error, source.server),
  );
}

/** Asks all servers once, and only when one has been found that would do, and is not the only one. */
function onceAround({
  candidates,
  all = candidates,
  access,
  resolve = addressesOf,
}: ChooseOptions): () => Promise<readonly OtherServer[]> {
  let asked: Promise<readonly OtherServer[]> | undefined;
  return () => {
    asked ??= all.length < 2 ? Promise.resolve([]) : lookAround(all, access, resolve);
    return asked;
  };
}

/** @returns the source, with what was found about it; or why it does not serve. */
async function unlessBehind(
  source: ChosenSource,
  { candidates, all = candidates, last, options }: ChooseOptions,
  around: () => Promise<readonly OtherServer[]>,
): Promise<ChosenSource | HoldfastError> {
  // That it is a primary says more.
  if (!source.survey.inRecovery && !options.allowPrimary) return source;
  const doubts: Doubt[] = [];
  try {
    doubts.push(await behindOthers(source, await around()), await behindLast(source, last, all));
  } catch (error) {
    return error instanceof HoldfastError ? error : connectionError(error, source.server);
  }
  const refusal = doubts.find((doubt) => doubt.refusal !== undefined)?.refusal;
  const notes = [...(source.notes ?? []), ...doubts.flatMap((doubt) => doubt.notes)];
  return refusal ?? { ...source, notes };
}

function refuse(found: Survey, server: Server, options: Refusal): HoldfastError | undefined {
  const where = whereabouts(server);
  if (found.major !== options.postgresMajor) {
    return new HoldfastError(
      'SOURCE_VERSION',
      `${where} runs PostgreSQL ${found.major}; this image is for ${options.postgresMajor}.`,
      { hint: whatServes(found.major) },
    );
  }
  if (!found.inRecovery) return undefined;
  const { replayLagSeconds: lag, lagProbe } = found;
  const allowed = options.maxReplayLagSeconds;
  if (lag !== undefined && lag <= allowed) return undefined;
  // A quiet primary and a broken archive look the same.
  if (lag === undefined || lagProbe === 'archive') {
    if (options.unknownLag === 'accept') return undefined;
    const known =
      lag === undefined
        ? ''
        : `: nothing streams to it, and the newest that it has replayed is ${Math.round(lag)} s old`;
    return new HoldfastError(
      'SOURCE_LAGGING',
      `${where} cannot say how far it is behind its primary${known}; ${allowed} s are allowed.`,
      {
        hint: 'Let it stream, set archive_timeout on the primary, or raise maxReplayLagSeconds; unknownLag: "accept" takes it as it is.',
      },
    );
  }
  const paused = found.replayPaused ? ', and replay is paused' : '';
  return new HoldfastError(
    'SOURCE_LAGGING',
    `${where} is ${Math.round(lag)} s behind its primary${paused}; ${allowed} s are allowed.`,
    {
      hint: found.replayPaused
        ? 'If nobody needs it paused: SELECT pg_wal_replay_resume() on it.'
        : 'Let the replica catch up, or raise maxReplayLagSeconds.',
    },
  );
}

function notReplica(server: Server): HoldfastError {
  return new HoldfastError('SOURCE_NOT_REPLICA', `${whereabouts(server)} is a primary.`, {
    hint: "Add a replica's URI to the secret, or set allowPrimary for this cluster.",
  });
}

function together(refusals: readonly HoldfastError[]): HoldfastError {
  const last = refusals.at(-1);
  if (last === undefined) {
    return new HoldfastError('SECRET_INVALID', 'The secret holds no URI.', {
      hint: 'Add the replica’s URI to the secret.',
    });
  }
  if (refusals.length === 1) return last;
  // A replica's refusal tells more than "the primary is not allowed", which always follows it.
  const decisive = refusals.find(({ code }) => code !== 'SOURCE_NOT_REPLICA') ?? last;
  return new HoldfastError(decisive.code, refusals.map(({ message }) => message).join(' '), {
    hint: decisive.hint,
    cause: decisive,
  });
}
