import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  type ConnectionSecret,
  parseConnectionSecret,
} from '../../../contract/connection-secret.ts';
import { HoldfastError } from '../../../contract/errors.ts';

/**
 * Reads the cluster's connection URIs.
 *
 * @throws HoldfastError SECRET_UNREADABLE, SECRET_INVALID
 */
export async function readSecret(
  client: Pick<SecretsManagerClient, 'send'>,
  secretId: string,
): Promise<ConnectionSecret> {
  const { SecretString } = await client
    .send(new GetSecretValueCommand({ SecretId: secretId }))
    .catch((cause: unknown) => {
      const { name, message } = cause as Error;
      throw new HoldfastError(
        'SECRET_UNREADABLE',
        `secretsmanager:GetSecretValue on ${secretId} failed: ${name}: ${message}`,
        { hint: 'The secret must exist, and the task role must be allowed to read it.', cause },
      );
    });
  if (SecretString === undefined) {
    throw new HoldfastError('SECRET_INVALID', 'The secret with the connection URIs is binary.', {
      hint: 'Store it as text: {"replica":"postgresql://…","primary":"postgresql://…"}.',
    });
  }
  return parseConnectionSecret(SecretString);
}
