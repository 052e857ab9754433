import { HoldfastError } from '../../../contract/errors.ts';
import type { ChosenSource } from './choose-source.ts';
import { connectionError, whereabouts } from './connection-error.ts';
import { type Survey, surveyServer } from './survey.ts';

/**
 * Makes sure that the server which served is still the one that was chosen: not restarted, promoted
 * or replaced in between, when different databases could show different histories.
 *
 * @returns what it says of itself now.
 * @throws HoldfastError SOURCE_CHANGED, SOURCE_UNREACHABLE
 */
export async function verifyUnchanged(source: ChosenSource): Promise<Survey> {
  const now = await surveyServer(source.server).catch((error: unknown) => {
    throw connectionError(error, source.server);
  });
  assertSameServer(source, now);
  return now;
}

/**
 * @param after what the server said in another session of the same run: an address may lead to
 * several servers, one after the other.
 * @throws HoldfastError SOURCE_CHANGED
 */
export function assertSameServer({ server, survey: before }: ChosenSource, after: Survey): void {
  const changes = [
    after.systemIdentifier !== before.systemIdentifier && 'it is another database system',
    after.postmasterStartedAt.getTime() !== before.postmasterStartedAt.getTime() &&
      'it was restarted',
    after.inRecovery !== before.inRecovery &&
      (after.inRecovery ? 'it is a replica now' : 'it is a primary now'),
    after.timeline !== before.timeline && 'it is on another timeline',
  ].filter((change) => change !== false);
  if (changes.length === 0) return;
  throw new HoldfastError(
    'SOURCE_CHANGED',
    `${whereabouts(server)} changed during the backup: ${changes.join(', ')}.`,
    { hint: 'Nothing was published. Run the backup again.' },
  );
}
