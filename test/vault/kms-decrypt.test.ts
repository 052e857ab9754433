import { randomBytes } from 'node:crypto';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { decryptMessage } from '../../vault/decryption/decrypt.ts';
import { kmsDataKeys } from '../../vault/decryption/decryption-keyring.ts';
import { kmsDataKeySource } from '../../vault/encryption/data-key.ts';
import type { KeyPair } from '../local-cloud/servers/key-pair.ts';
import { type Moto, startMoto } from '../local-cloud/servers/moto.ts';
import { type Run, startRun } from '../local-cloud/servers/run.ts';
import { collect, digestOf, inPieces, writeMessage } from './example-message.ts';

const context = { cluster: 'orders', backup: 'label', artifact: 'globals.sql.0001' };

let run: Run;
let moto: Moto;
beforeAll(async () => {
  run = await startRun();
  moto = await startMoto({ run });
});
afterAll(async () => {
  await moto?.stop();
  await run?.stop();
});

/** The product's own clients find the server as they would find any: by the environment. */
function useMoto(who: KeyPair = moto.admin): KMSClient {
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', moto.endpoint);
  vi.stubEnv('AWS_REGION', moto.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', who.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', who.secretAccessKey);
  return new KMSClient({});
}

async function makeKey(kms: KMSClient): Promise<string> {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ MultiRegion: true }));
  return String(KeyMetadata?.Arn);
}

async function encrypt(plain: Buffer, key: string): Promise<Buffer> {
  return writeMessage(plain, await kmsDataKeySource(key)(context));
}

test("what the uploading side writes is opened with the cluster's key, and with no other", async () => {
  const kms = useMoto();
  const [key, other] = [await makeKey(kms), await makeKey(kms)];
  for (const bytes of [0, 1, 1024 * 1024, 2_500_000]) {
    const plain = randomBytes(bytes);
    const cipher = await encrypt(plain, key);
    const request = {
      context,
      plain: digestOf(plain),
      cipher: digestOf(cipher),
      where: 'clusters/orders/x',
    };
    const opened = decryptMessage(inPieces(cipher, 65_536), {
      ...request,
      dataKeys: kmsDataKeys(key),
    });
    expect((await collect(opened)).equals(plain)).toBe(true);
    const refused = decryptMessage(inPieces(cipher, 65_536), {
      ...request,
      dataKeys: kmsDataKeys(other),
    });
    await expect(collect(refused)).rejects.toMatchObject({ code: 'VAULT_INTEGRITY' });
  }
});

test('a role without kms:Decrypt is told so, and the object is not blamed', async () => {
  const kms = useMoto();
  const key = await makeKey(kms);
  const plain = randomBytes(10);
  const cipher = await encrypt(plain, key);
  const reader = await moto.putPrincipal({
    name: 'reader',
    policies: [
      {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'kms:GenerateDataKey', Resource: key }],
      },
    ],
  });
  await moto.enforce();
  useMoto(reader);
  const refused = decryptMessage(inPieces(cipher, 100), {
    context,
    plain: digestOf(plain),
    cipher: digestOf(cipher),
    where: 'clusters/orders/x',
    dataKeys: kmsDataKeys(key),
  });
  await expect(collect(refused)).rejects.toMatchObject({
    code: 'VAULT_DENIED',
    message: expect.stringContaining(`kms:Decrypt on ${key}`),
  });
});
