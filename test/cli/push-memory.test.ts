import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { walPush } from '../../cli/wal-push.ts';
import type { WalVault } from '../../vault/wal/wal-vault.ts';
import { testIo } from './test-io.ts';

const NAMES = [2, 3, 4, 5, 6, 7, 8].map((timeline) => `0000000${timeline}.history`);

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'holdfast-push-'));
  await mkdir(join(home, 'pg_wal', 'archive_status'), { recursive: true });
  await mkdir(join(home, 'global'));
  await writeFile(join(home, 'global', 'pg_control'), Buffer.alloc(20, 7));
  for (const name of NAMES) {
    await writeFile(join(home, 'pg_wal', name), name);
    await writeFile(ready(name), '');
  }
});
afterAll(() => rm(home, { recursive: true, force: true }));

const ready = (name: string): string => join(home, 'pg_wal', 'archive_status', `${name}.ready`);

/** As much of a vault as takes what is written. */
function vaultThatTakes(names: string[]): Omit<WalVault, 'systemIdentifier'> {
  const key = { providerId: 'p', providerInfo: 'i', encryptedDataKey: new Uint8Array(8) };
  const file = async () => ({
    ...{ dataKey: new Uint8Array(32), encryptedDataKeys: [key], encryptionContext: {} },
  });
  const send = async ({ input }: PutObjectCommand) => {
    names.push(input.Key?.split('/').at(-1) ?? '');
    return {};
  };
  return {
    ...{ s3: { send } as never, bucket: 'vault', cluster: 'c', kmsKeyArn: 'k' },
    ...{ dataKeys: { file, increments: file }, lockMode: 'GOVERNANCE', retentionDays: 3 },
  };
}

test.each(['AWS_REGION', 'AWS_PROFILE'])(
  'two vaults that %s tells apart get everything both',
  async (variable) => {
    const vaults = ['one', 'other'].map((which) => ({ which, names: [] as string[] }));
    const state = join(home, variable);
    for (const name of NAMES) {
      for (const { which, names } of vaults) {
        const openWalVault = async () => vaultThatTakes(names);
        const io = testIo({} as never, { [variable]: which }, {}, { openWalVault });
        const options = { environment: 'test', cluster: 'c', batch: 3, state };
        await walPush(join(home, 'pg_wal', name), options, io);
      }
      await rm(ready(name));
    }
    for (const name of NAMES) await writeFile(ready(name), '');
    for (const { names } of vaults) expect(names.toSorted()).toEqual(NAMES);
  },
);
