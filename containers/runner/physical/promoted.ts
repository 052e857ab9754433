import { asHoldfastError, HoldfastError } from '../../../contract/errors.ts';
import type { ChosenSource } from '../source/choose-source.ts';
import { whereabouts } from '../source/connection-error.ts';
import { surveyServer } from '../source/survey.ts';

/**
 * Tells a failure that is due to a promotion from others: by what the server says of itself now, because
 * the words with which it ended the backup are in its language.
 *
 * @returns that it was promoted; or the failure as it was, also where the server cannot be asked.
 */
export async function recognisePromotion(
  failure: unknown,
  { server, survey }: ChosenSource,
  ask: (of: ChosenSource['server']) => Promise<{ readonly inRecovery: boolean }> = surveyServer,
): Promise<unknown> {
  if (!survey.inRecovery) return failure;
  const now = await ask(server).catch(() => undefined);
  if (now === undefined || now.inRecovery) return failure;
  const { message } = asHoldfastError(failure);
  return new HoldfastError(
    'SOURCE_CHANGED',
    `The standby ${whereabouts(server)} was promoted during the backup: ${message}`,
    {
      hint: 'Nothing was published. Run the backup again: another server may serve it.',
      cause: failure,
    },
  );
}
