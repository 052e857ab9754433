import type { ClusterOptions } from '../../../contract/cluster-options.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { whatServes } from '../../../contract/postgres-majors.ts';
import { connectionError, whereabouts } from './connection-error.ts';
import type { ConnectionTarget } from './connection-uri.ts';
import { connect, disconnect, pinServer, type Server, type Trust } from './server.ts';
import { type Survey, survey } from './survey.ts';

/** The server that serves this backup. */
export interface ChosenSource {
  readonly server: Server;
  readonly survey: Survey;
}

/** A server that may be asked. */
export interface Candidate {
  readonly target: ConnectionTarget;
  /** Place among the secret's URIs, from 0. */
  readonly uriIndex: number;
}

type Refusal = Pick<ClusterOptions, 'postgresMajor' | 'maxReplayLagSeconds'>;

/**
 * Takes the first replica that is up, of the image's major version and not too far behind; the
 * primary only if no replica will do and the configuration allows it.
 *
 * @param refused told of each server that will not do, and why.
 * @throws HoldfastError the last refusal, naming all of them.
 */
export async function chooseSource(
  candidates: readonly Candidate[],
  trust: Trust,
  options: Refusal & Pick<ClusterOptions, 'allowPrimary'>,
  refused: (candidate: Candidate, why: HoldfastError) => void,
): Promise<ChosenSource> {
  const refusals: HoldfastError[] = [];
  let primary: ChosenSource | undefined;
  const refuseCandidate = (candidate: Candidate, why: HoldfastError): void => {
    refused(candidate, why);
    refusals.push(why);
  };
  for (const candidate of candidates) {
    const answer = await ask(candidate, trust);
    const refusal =
      answer instanceof HoldfastError ? answer : refuse(answer.survey, answer.server, options);
    if (refusal !== undefined) refuseCandidate(candidate, refusal);
    else if (!(answer instanceof HoldfastError)) {
      if (answer.survey.inRecovery) return answer;
      primary ??= answer;
    }
  }
  if (primary !== undefined && options.allowPrimary) return primary;
  if (primary !== undefined) refuseCandidate(primary.server, notReplica(primary.server));
  throw together(refusals);
}

async function ask(
  { target, uriIndex }: Candidate,
  trust: Trust,
): Promise<ChosenSource | HoldfastError> {
  try {
    const server = await pinServer(target, uriIndex, trust);
    return { server, survey: await surveyServer(server) };
  } catch (error) {
    return connectionError(error, { target });
  }
}

/** Asks a server who it is, in a session of its own. */
export async function surveyServer(server: Server): Promise<Survey> {
  const client = await connect(server, server.target.database);
  try {
    return await survey(client);
  } finally {
    await disconnect(client);
  }
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
  const lag = found.replayLagSeconds;
  if (lag === undefined || lag > options.maxReplayLagSeconds) {
    const behind = lag === undefined ? 'an unknown time' : `${Math.round(lag)} s`;
    return new HoldfastError(
      'SOURCE_LAGGING',
      `${where} is ${behind} behind its primary; ${options.maxReplayLagSeconds} s are allowed.`,
      { hint: 'Let the replica catch up, or raise maxReplayLagSeconds.' },
    );
  }
  return undefined;
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
