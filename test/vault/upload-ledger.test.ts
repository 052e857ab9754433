import { expect, test } from 'vitest';
import { type OpenUpload, UploadLedger } from '../../vault/upload-ledger.ts';

function upload(uploadId: string, aborted: string[]): OpenUpload {
  return {
    uploadId,
    abort: async () => {
      aborted.push(uploadId);
      return undefined;
    },
  };
}

test('an upload that is being opened while all are aborted is aborted too', async () => {
  const ledger = new UploadLedger();
  const aborted: string[] = [];
  await ledger.add(Promise.resolve(upload('open', aborted)));
  const answer = Promise.withResolvers<OpenUpload>();
  const opening = ledger.add(answer.promise);
  const abortion = ledger.abortAll(new Error('failed'));
  answer.resolve(upload('late', aborted));
  await Promise.all([opening, abortion]);
  expect(aborted.sort()).toEqual(['late', 'open']);
  expect(ledger.size).toBe(0);
});

test('keys are doubtful once they were doubted', () => {
  const ledger = new UploadLedger();
  expect([...ledger.doubtful]).toEqual([]);
  ledger.doubt('a');
  ledger.doubt('a');
  expect([...ledger.doubtful]).toEqual(['a']);
});

test('a completed one is not aborted', async () => {
  const ledger = new UploadLedger();
  const aborted: string[] = [];
  const { uploadId } = await ledger.add(Promise.resolve(upload('done', aborted)));
  ledger.completed(uploadId);
  await ledger.abortAll(new Error('failed'));
  expect(aborted).toEqual([]);
});

test('a part is aborted by itself, or with all', async () => {
  const ledger = new UploadLedger();
  const aborted: string[] = [];
  await ledger.add(Promise.resolve(upload('other', aborted)));
  const [one, two] = [ledger.part(), ledger.part()];
  for (const [part, names] of [
    [one, ['a', 'b']],
    [two, ['c', 'd']],
  ] as const) {
    for (const name of names) await part.add(Promise.resolve(upload(name, aborted)));
  }
  one.doubt('key');
  await one.abortAll(new Error('failed'));
  expect(aborted.sort()).toEqual(['a', 'b']);
  expect([...ledger.doubtful]).toEqual(['key']);
  ledger.completed('c');
  expect(ledger.size).toBe(2);
  await ledger.abortAll(new Error('failed'));
  expect(aborted.sort()).toEqual(['a', 'b', 'd', 'other']);
  expect(ledger.size).toBe(0);
});
