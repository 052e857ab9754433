import { expect, test } from 'vitest';
import { DumpQueue } from '../../../containers/runner/logical/dump-queue.ts';
import type { SourceDatabase } from '../../../containers/runner/source/databases.ts';

const MIB = 1024 * 1024;

function database(name: string, mib: number): SourceDatabase {
  return { name, sizeBytes: mib * MIB } as SourceDatabase;
}

test('one lane takes the largest that is left, the other the smallest that are small', () => {
  const queue = new DumpQueue([
    database('middle', 500),
    database('small', 64),
    database('large', 900),
    database('tiny', 8),
  ]);
  expect(queue.takeSmall()?.name).toBe('tiny');
  expect(queue.takeLargest()?.name).toBe('large');
  expect(queue.takeSmall()?.name).toBe('small');
  expect(queue.takeSmall()).toBeUndefined();
  expect(queue.takeLargest()?.name).toBe('middle');
  expect(queue.takeLargest()).toBeUndefined();
});

test('no database is left behind, or taken twice, when all are small', () => {
  const queue = new DumpQueue([database('a', 8), database('b', 9), database('c', 10)]);
  const taken = [queue.takeLargest(), queue.takeSmall(), queue.takeLargest(), queue.takeSmall()];
  expect(taken.map((one) => one?.name)).toEqual(['c', 'a', 'b', undefined]);
});
