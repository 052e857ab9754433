import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { chooseCases } from './choose-cases.ts';
import { DUMP_CASES } from './dump-cases.ts';
import { FaultCloud } from './fault-cloud.ts';
import { FORGERY_CASES } from './forgery-cases.ts';
import { PLACE_CASES } from './place-cases.ts';
import { S3_CASES } from './s3-cases.ts';
import { STOP_CASES } from './stop-cases.ts';
import { TASK_CASES } from './task-cases.ts';

const CASES = [
  ...S3_CASES,
  ...DUMP_CASES,
  ...PLACE_CASES,
  ...TASK_CASES,
  ...STOP_CASES,
  ...FORGERY_CASES,
];

/** Cases that are drawn besides those of every `npm test`. */
const MORE = 2;

let faults: FaultCloud;
beforeAll(async () => {
  faults = await FaultCloud.start();
}, 300_000);
afterEach(() => faults.reset());
afterAll(() => faults.stop(), 60_000);

test.each(chooseCases(CASES, MORE))('$name', ({ run }) => run(faults), 400_000);

describe('the cases of a run', () => {
  const names = (environment: Record<string, string>) =>
    chooseCases(CASES, MORE, environment).map(({ name }) => name);

  test('are all of them, or the same ones for the same seed', () => {
    expect(names({ HOLDFAST_FAULTS: 'all' })).toEqual(CASES.map(({ name }) => name));
    const always = CASES.filter((one) => one.always === true).length;
    expect(names({ HOLDFAST_FAULTS_SEED: '7' })).toHaveLength(always + MORE);
    expect(names({ HOLDFAST_FAULTS_SEED: '7' })).toEqual(names({ HOLDFAST_FAULTS_SEED: '7' }));
    expect(names({ HOLDFAST_FAULTS_SEED: '7' })).not.toEqual(names({ HOLDFAST_FAULTS_SEED: '8' }));
  });

  test('each have a name of their own', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
  });
});
