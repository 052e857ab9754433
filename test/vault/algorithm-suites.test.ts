import { randomBytes } from 'node:crypto';
import { AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy } from '@aws-crypto/client-node';
import { expect, test } from 'vitest';
import { decryptMessage } from '../../vault/decryption/decrypt.ts';
import { collect, digestOf, inPieces, rawDataKeys } from './example-message.ts';

const context = { cluster: 'orders', backup: 'label', artifact: 'db-1/pack.tar.0001' };
const OURS = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;
const dataKeys = rawDataKeys();

const SUITES = Object.entries(AlgorithmSuiteIdentifier).filter(
  (entry): entry is [string, AlgorithmSuiteIdentifier] => typeof entry[1] === 'number',
);

/** Everything about the message is right but its suite. */
async function decryptOf(suite: AlgorithmSuiteIdentifier): Promise<Buffer> {
  const plain = randomBytes(3000);
  const policy = isCommitting(suite)
    ? CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    : CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT;
  const { result } = await buildClient(policy).encrypt(dataKeys().keyring, plain, {
    suiteId: suite,
    encryptionContext: context,
    frameLength: 1024,
  });
  const request = { context, plain: digestOf(plain), cipher: digestOf(result), dataKeys };
  const decrypted = decryptMessage(inPieces(result, 700), {
    ...request,
    where: 'clusters/orders/x',
  });
  return await collect(decrypted);
}

function isCommitting(suite: AlgorithmSuiteIdentifier): boolean {
  return (
    suite === OURS ||
    suite === AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
  );
}

test('the one suite that is written, AES-256-GCM with key commitment, unsigned, is read', async () => {
  expect(OURS).toBe(0x0478);
  expect((await decryptOf(OURS)).length).toBe(3000);
});

test.each(SUITES.filter(([, suite]) => suite !== OURS))('%s is refused', async (_name, suite) => {
  await expect(decryptOf(suite)).rejects.toMatchObject({ code: 'VAULT_INTEGRITY' });
});
