import { describe, expect, test } from 'vitest';
import { tryOnSources } from '../../../containers/runner/attempts.ts';
import { createLog } from '../../../containers/runner/log.ts';
import type { Candidate, ChosenSource } from '../../../containers/runner/source/choose-source.ts';
import type { ConflictCount } from '../../../containers/runner/source/recovery-conflicts.ts';
import type { ErrorCode } from '../../../contract/error-codes.ts';
import { HoldfastError } from '../../../contract/errors.ts';

const CANDIDATES = [0, 1].map(
  (uriIndex) => ({ uriIndex, target: { host: `server${uriIndex}`, port: 5432 } }) as Candidate,
);

function failure(code: ErrorCode, message = 'it failed'): HoldfastError {
  return new HoldfastError(code, message, { hint: 'none' });
}

/** Runs a script of outcomes, one an attempt, and tells which servers were used. */
async function run(
  outcomes: readonly (HoldfastError | 'done')[],
  counts: readonly number[] = [],
  renew?: () => Promise<readonly Candidate[]>,
): Promise<{ servers: number[]; outcome: unknown }> {
  const servers: number[] = [];
  let asked = 0;
  const outcome = await tryOnSources({
    candidates: CANDIDATES,
    choose: async ([first]) => {
      if (first === undefined) throw failure('SOURCE_NOT_REPLICA');
      return { server: first } as ChosenSource;
    },
    work: async ({ server }) => {
      servers.push(server.uriIndex);
      const next = outcomes[servers.length - 1] ?? 'done';
      if (next !== 'done') throw next;
      return 'result';
    },
    log: createLog(() => undefined),
    signal: new AbortController().signal,
    pauseSeconds: 0.001,
    ...(renew === undefined ? {} : { renew }),
    count: async (): Promise<ConflictCount> => {
      const cancelled = counts[asked] ?? 0;
      asked += 1;
      return { cancelled, maxStandbyStreamingDelay: '30s', hotStandbyFeedback: 'off' };
    },
  }).catch((error: unknown) => error);
  return { servers, outcome };
}

describe('tryOnSources', () => {
  test('is content with the first success', async () => {
    expect(await run(['done'])).toMatchObject({ servers: [0], outcome: { attempts: 1 } });
  });

  test('tries a replica that cancels once more, then the next server', async () => {
    const conflict = failure('SOURCE_CONFLICT');
    expect(await run([conflict, 'done'])).toMatchObject({
      servers: [0, 0],
      outcome: { attempts: 2 },
    });
    expect(await run([conflict, conflict, 'done'])).toMatchObject({
      servers: [0, 0, 1],
      outcome: {
        attempts: 3,
        tried: [
          { attempt: 1, host: 'server0', port: 5432, uriIndex: 0, code: 'SOURCE_CONFLICT' },
          { attempt: 2, host: 'server0', port: 5432, uriIndex: 0, code: 'SOURCE_CONFLICT' },
        ],
      },
    });
    const { servers, outcome } = await run([conflict, conflict, conflict, conflict]);
    expect(servers).toEqual([0, 0, 1, 1]);
    expect(outcome).toMatchObject({ code: 'SOURCE_CONFLICT' });
  });

  test("knows a conflict by the replica's count, whatever the language of the message", async () => {
    const { servers, outcome } = await run(
      [failure('DUMP_FAILED', 'FEHLER: abgebrochen'), failure('SOURCE_RIGHTS')],
      [3, 4, 4, 4],
    );
    expect(servers).toEqual([0, 0]);
    expect(outcome).toMatchObject({ code: 'SOURCE_RIGHTS' });
    const once = await run([failure('DUMP_FAILED'), failure('DUMP_FAILED')], [3, 4, 4, 5]);
    expect(once.servers).toEqual([0, 0, 1]);
  });

  test('tries what may pass by itself once more, and not twice', async () => {
    const dump = failure('DUMP_FAILED');
    expect(await run([dump, 'done'])).toMatchObject({ servers: [0, 0], outcome: { attempts: 2 } });
    const { servers, outcome } = await run([dump, dump, 'done']);
    expect(servers).toEqual([0, 0]);
    expect(outcome).toBe(dump);
  });

  test('a password that was rotated meanwhile is read anew, once', async () => {
    const wrong = failure('SOURCE_AUTHENTICATION');
    const other = [{ uriIndex: 7, target: { host: 'server0', port: 5432, password: 'new' } }];
    const renew = async () => other as unknown as Candidate[];
    expect(await run([wrong, 'done'], [], renew)).toMatchObject({
      servers: [0, 7],
      outcome: { attempts: 2, tried: [{ code: 'SOURCE_AUTHENTICATION' }] },
    });
    expect(await run([wrong, wrong, 'done'], [], renew)).toEqual({
      servers: [0, 7],
      outcome: wrong,
    });
    const unchanged = async () => structuredClone(CANDIDATES);
    expect(await run([wrong, 'done'], [], unchanged)).toEqual({ servers: [0], outcome: wrong });
    const unreadable = () => Promise.reject(failure('SECRET_UNREADABLE'));
    expect(await run([wrong, 'done'], [], unreadable)).toEqual({ servers: [0], outcome: wrong });
  });

  test.each([
    'SOURCE_RIGHTS',
    'SOURCE_AUTHENTICATION',
    'SOURCE_VERSION',
    'SPOOL_UNUSABLE',
    'VAULT_DENIED',
    'LABEL_TAKEN',
  ] as const)('does not repeat %s', async (code) => {
    const { servers, outcome } = await run([failure(code), 'done']);
    expect(servers).toEqual([0]);
    expect(outcome).toMatchObject({ code });
  });
});
