import { HoldfastError } from '../contract/errors.ts';

/**
 * The SDK says that no Region is set only in the first call's error, as a plain `Error`.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID
 */
export async function assertRegion(client: {
  readonly config: { region(): Promise<string> };
}): Promise<void> {
  await client.config.region().catch((cause: unknown) => {
    throw new HoldfastError('ENVIRONMENT_INVALID', 'No AWS Region is set.', {
      hint: 'Set AWS_REGION, or AWS_PROFILE with a profile that has one.',
      cause,
    });
  });
}
