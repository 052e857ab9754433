import { HoldfastError } from '../contract/errors.ts';
import { missingProfile } from './missing-profile.ts';

/**
 * The SDK says that no Region is set only in the first call's error, as a plain `Error`.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID
 */
export async function assertRegion(
  client: { readonly config: { region(): Promise<string> } },
  env = process.env,
): Promise<void> {
  await client.config.region().catch((cause: unknown) => {
    throw new HoldfastError('ENVIRONMENT_INVALID', 'No AWS Region is set.', {
      hint: missingProfile(env) ?? 'Set AWS_REGION, or AWS_PROFILE with a profile that has one.',
      cause,
    });
  });
}
