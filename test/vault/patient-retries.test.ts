import { expect, test, vi } from 'vitest';
import { PatientRetries } from '../../vault/patient-retries.ts';

type ErrorType = Parameters<PatientRetries['refreshRetryTokenForRetry']>[1]['errorType'];

/** The longest pauses before each further call, milliseconds, until it gives up. */
async function pauses(
  types: (call: number) => ErrorType,
  signal = new AbortController().signal,
): Promise<number[]> {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const retries = new PatientRetries(signal);
  const found: number[] = [];
  let token = await retries.acquireInitialRetryToken();
  try {
    for (let call = 1; ; call += 1) {
      token = await retries.refreshRetryTokenForRetry(token, { errorType: types(call) });
      expect(token.getRetryCount()).toBe(call);
      found.push(token.getRetryDelay());
    }
  } catch (error) {
    expect(error).toMatchObject({ message: 'no more tries' });
    return found;
  }
}

test('a service that fails is tried for half a minute at most', async () => {
  const found = await pauses(() => 'TRANSIENT');
  expect(found.slice(0, 7)).toEqual([100, 200, 400, 800, 1600, 3200, 5000]);
  expect(found).toHaveLength(11);
});

test('one that asks for it is given longer', async () => {
  const found = await pauses(() => 'THROTTLING');
  expect(found.slice(0, 4)).toEqual([1000, 2000, 4000, 5000]);
  expect(found).toHaveLength(19);
});

test('what would not help is not tried', async () => {
  expect(await pauses(() => 'CLIENT_ERROR')).toEqual([]);
  expect(await pauses(() => 'SERVER_ERROR')).toEqual([]);
});

test('a run that is being ended does not wait', async () => {
  const found = await pauses(() => 'TRANSIENT', AbortSignal.abort());
  expect(found).toEqual([100, 200, 400, 800]);
});
