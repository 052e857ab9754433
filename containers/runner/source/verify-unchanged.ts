import { HoldfastError } from '../../../contract/errors.ts';
import { type ChosenSource, surveyServer } from './choose-source.ts';
import { connectionError, whereabouts } from './connection-error.ts';

/**
 * Makes sure that the server which served is still the one that was chosen: not restarted, promoted
 * or replaced in between, when different databases could show different histories.
 *
 * @throws HoldfastError SOURCE_CHANGED, SOURCE_UNREACHABLE
 */
export async function verifyUnchanged({ server, survey: before }: ChosenSource): Promise<void> {
  const after = await surveyServer(server).catch((error: unknown) => {
    throw connectionError(error, server);
  });
  const changes = [
    after.systemIdentifier !== before.systemIdentifier && 'it is another database system',
    after.postmasterStartedAt.getTime() !== before.postmasterStartedAt.getTime() &&
      'it was restarted',
    after.inRecovery !== before.inRecovery && 'it was promoted',
  ].filter((change) => change !== false);
  if (changes.length === 0) return;
  throw new HoldfastError(
    'SOURCE_CHANGED',
    `${whereabouts(server)} changed during the backup: ${changes.join(', ')}.`,
    { hint: 'Nothing was published. Run the backup again.' },
  );
}
