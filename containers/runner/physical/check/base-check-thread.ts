/**
 * The thread that proves a base backup whole: it reads the tars while they are written, hashes each file
 * in them, and in the end compares with what PostgreSQL's `backup_manifest` lists. It is a thread of its
 * own because hashing takes as much time as encrypting does.
 */
import { parentPort } from 'node:worker_threads';
import { asHoldfastError, HoldfastError } from '../../../../contract/errors.ts';
import { BackupManifestReader } from './backup-manifest.ts';
import type { CheckedBase, CheckOrder, CheckReply } from './check-orders.ts';
import { FileSums } from './file-sums.ts';
import { TarCheck } from './tar-check.ts';

const BACKUP_LABEL = 'backup_label';

const sums = new FileSums();
const tars = new Map<string, TarCheck>();
const kept = new Map<string, string>();

function open({ kind: _, ...order }: Extract<CheckOrder, { kind: 'open' }>): void {
  const onFile = sums.add.bind(sums);
  // Those of tablespaces have no such file.
  tars.set(order.name, new TarCheck({ ...order, keep: [BACKUP_LABEL], onFile }));
}

function tar(name: string): TarCheck {
  const found = tars.get(name);
  if (found === undefined) throw new Error(`no tar ${name} is being read`);
  return found;
}

async function end(name: string): Promise<void> {
  const ended = tar(name);
  await ended.end();
  for (const [file, content] of ended.kept) kept.set(file, content);
  tars.delete(name);
}

async function conclude(path: string): Promise<CheckedBase> {
  const listed = new BackupManifestReader(path);
  const files = { count: 0, bytes: 0 };
  for await (const file of listed.files()) {
    sums.subtract(file);
    files.count += 1;
    files.bytes += file.size;
  }
  if (!sums.balanced) throw await differing(path);
  const backupLabel = kept.get(BACKUP_LABEL);
  if (backupLabel === undefined) throw new Error('base.tar holds no backup_label');
  return { ...listed.facts, files, backupLabel };
}

async function differing(path: string): Promise<HoldfastError> {
  const named = await sums.suspects(new BackupManifestReader(path).files());
  const found =
    named.length > 0
      ? `these files of backup_manifest are missing from what was uploaded, or are others there: ${named.join(', ')}`
      : 'what was uploaded holds files that backup_manifest does not list';
  return new HoldfastError('DUMP_INCOMPLETE', `The base backup is not whole: ${found}.`, {
    hint: 'Nothing was published. Run the backup again.',
  });
}

async function carryOut(order: CheckOrder): Promise<CheckedBase | undefined> {
  switch (order.kind) {
    case 'open':
      open(order);
      return undefined;
    case 'take':
      await tar(order.name).take(order.bytes);
      return undefined;
    case 'end':
      await end(order.name);
      return undefined;
    case 'conclude':
      return await conclude(order.path);
  }
}

async function answer(order: CheckOrder): Promise<CheckReply> {
  try {
    return { checked: await carryOut(order) };
  } catch (error) {
    const { code, message, hint } = asHoldfastError(error);
    return { failure: { code, message, hint } };
  }
}

let last: Promise<void> = Promise.resolve();
parentPort?.on('message', (order: CheckOrder) => {
  last = last.then(async () => parentPort?.postMessage(await answer(order)));
});
