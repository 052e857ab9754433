import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyPair } from './key-pair.ts';

/** What we touch of versitygw's `iam.json`; the rest is carried along. */
interface IamFile {
  readonly users: Record<string, { AccessKeys: object[] | null }>;
  readonly accessKeyIndex: Record<string, string>;
}

/** Longer than the service takes between reading its file and writing it. */
const SETTLE_MS = 30;

/**
 * Gives a user exactly this key pair: the service's API only knows how to make up its own, and one
 * pair has to be the same role here and at moto. The service reads its file at every call.
 */
export async function setKeyPair(directory: string, user: string, pair: KeyPair): Promise<void> {
  const file = join(directory, 'iam.json');
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await rewrite(file, (iam) => {
      for (const [id, owner] of Object.entries(iam.accessKeyIndex)) {
        if (owner === user) delete iam.accessKeyIndex[id];
      }
      iam.accessKeyIndex[pair.accessKeyId] = user;
      const entry = iam.users[user];
      if (entry === undefined) throw new Error(`versitygw has no user ${user}.`);
      entry.AccessKeys = [accessKeyEntry(pair)];
    });
    // The service notes a key's last use by rewriting the file, and may just have done so from a copy
    // that it read before ours.
    await sleep(SETTLE_MS);
    const iam = await read(file);
    if (iam.accessKeyIndex[pair.accessKeyId] === user) return;
  }
  throw new Error(`versitygw keeps overwriting the key pair of ${user}.`);
}

function accessKeyEntry(pair: KeyPair): object {
  return {
    AccessKeyId: pair.accessKeyId,
    SecretAccessKey: pair.secretAccessKey,
    Status: 'Active',
    CreateDate: new Date().toISOString(),
    LastUsedDate: '0001-01-01T00:00:00Z',
    LastUsedService: '',
    LastUsedRegion: '',
  };
}

async function read(file: string): Promise<IamFile> {
  return JSON.parse(await readFile(file, 'utf8')) as IamFile;
}

async function rewrite(file: string, change: (iam: IamFile) => void): Promise<void> {
  const iam = await read(file);
  change(iam);
  // Renamed into place: the service must never read half a file.
  const draft = `${file}.holdfast`;
  await writeFile(draft, JSON.stringify(iam), { mode: 0o600 });
  await rename(draft, file);
}
